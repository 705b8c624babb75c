"""The tables on this machine: those built from published sources, and the user's own.

<cache>/tables/nasbench201.json     a table's content and its current folder, see `writing`
<cache>/own/...                     tables imported by the user, in the same form
"""

from __future__ import annotations

import re
from pathlib import Path

from proxybench.cache_folder import cache_dir
from proxybench.errors import DataNotAvailable
from proxybench.tables.store.pointer import OWN, TableInfo, read_pointer
from proxybench.tables.store.stored import StoredTable

_NAME = re.compile(r"[^/\\\0]+")


def tables_dir() -> Path:
    """The folder of tables built from published sources; not created until one is written."""
    return cache_dir() / "tables"


def own_dir() -> Path:
    """The folder of the user's own tables; not created until one is written."""
    return cache_dir() / OWN


def stored_names() -> list[str]:
    """Names of all tables on this machine, sorted."""
    return sorted({*_names_in(tables_dir()), *own_names()})


def own_names() -> list[str]:
    """Names of the user's own tables, sorted."""
    return _names_in(own_dir())


def read_info(name: str) -> TableInfo | None:
    """The pointer of a table; None if there is no such table. Raises CorruptData if it cannot be read."""
    return _found(name)[0]


def open_table(name: str) -> StoredTable:
    """Open a table. Raises DataNotAvailable, naming the command to get it."""
    info, root = _found(name)
    if info is None:
        raise DataNotAvailable(f"table {name} is not on this machine; run: proxybench fetch {name}")
    return StoredTable(info, root / info.folder)


def _found(name: str) -> tuple[TableInfo | None, Path]:
    """The pointer of a table and the folder that holds it."""
    for root in (tables_dir(), own_dir()):
        info = read_pointer(root / f"{name}.json", name) if _NAME.fullmatch(name) else None
        if info is not None:
            return info, root
    return None, tables_dir()


def _names_in(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []
