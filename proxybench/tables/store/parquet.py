"""Tables on disk: two parquet files and a card in a separate folder, found through a JSON pointer.

    <cache>/tables/nasbench201.json                    content of the table, and its current folder
    <cache>/tables/nasbench201-1f0c.../archs.parquet   arch, digest: one row per architecture, in index order
    <cache>/tables/nasbench201-1f0c.../values.parquet  arch_id, dataset, epochs, seed, metrics
    <cache>/tables/nasbench201-1f0c.../card.md
    <cache>/own/...                                    tables imported by the user, in the same form

`values.parquet` has one row group per (dataset, epochs, seed), each with one row per architecture in index order, so a
block is read without reading any other. The pointer is replaced atomically after the folder is complete: readers see
the old table or the new one, never a mixture. Writers of a table take turns (`<cache>/tables/nasbench201.lock`), so a
folder not named by the pointer while the lock is held was left by a killed writer, and is removed.

Each process checks the SHA-256 of a file against the pointer before it first reads it, and each page against the
checksum in the file whenever it reads it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proxybench.cache_folder import cache_dir
from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.files import is_old
from proxybench.readers.texts import Texts
from proxybench.tables.sources.cache import atomic_path, explain_write_failure, locked, sha256_of
from proxybench.tables.store.merge import BlockKey, MergedTable
from proxybench.tables.store.pointer import (
    FORMAT,
    OWN,
    BlockInfo,
    Edition,
    TableInfo,
    encode_pointer,
    folder_pattern,
    how_to_rebuild,
    read_pointer,
)

__all__ = ["FORMAT", "BlockInfo", "StoredTable", "TableInfo", "open_table", "read_info", "stored_names", "write_table"]

_NAME = re.compile(r"[^/\\\0]+")
_OWN_FOLDER = re.compile(r"-[0-9a-f]{16}$")
_verified: set[tuple[object, ...]] = set()  # files this process has hashed: see `StoredTable._verify`


class StoredTable:
    """A table opened for reading; blocks are read from disk on access.

    Raises:
        CorruptData: if a file is damaged or missing; the message says how to rebuild the table.
    """

    def __init__(self, info: TableInfo, folder: Path) -> None:
        self.info = info
        self.folder = folder
        self._row_groups = {block.key: number for number, block in enumerate(info.blocks)}

    @cached_property
    def archs(self) -> Texts[str]:
        """Architecture texts in index order."""
        return self._texts("arch")

    @cached_property
    def digests(self) -> Texts[str]:
        """The space's digest of each architecture, in index order."""
        return self._texts("digest")

    def _texts(self, name: str) -> Texts[str]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self._reading("archs.parquet") as path, pq.ParquetFile(path, page_checksum_verification=True) as file:
            self._check_rows("archs.parquet", file.metadata.num_rows)
            return Texts(file.read(columns=[name], use_threads=False).column(name).cast(pa.large_string()), str)

    @property
    def card(self) -> str:
        """The table's card: population, split, target, provenance, licence, citation. Markdown."""
        with self._reading("card.md") as path:
            return path.read_text(encoding="utf-8")

    def column(self, key: BlockKey, metric: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Values (NaN where null) and whether each was measured, one entry per architecture."""
        import pyarrow.parquet as pq

        with self._reading("values.parquet") as path, pq.ParquetFile(path, page_checksum_verification=True) as file:
            number = self._row_groups[key]
            self._check_rows("values.parquet", file.metadata.row_group(number).num_rows)
            group = file.read_row_group(number, columns=[metric], use_threads=False)
            column = group.column(metric).combine_chunks()
            measured = column.is_valid().to_numpy(zero_copy_only=False)
            values = column.to_numpy(zero_copy_only=False)
            self._check_rows("values.parquet", len(values))
        return values, measured

    def damage(self) -> list[str]:
        """The names of files that are missing or whose SHA-256 differs from the pointer's."""
        return [
            name
            for name, expected in self.info.sha256.items()
            if not (self.folder / name).is_file() or sha256_of(self.folder / name) != expected
        ]

    @contextmanager
    def _reading(self, file: str) -> Iterator[Path]:
        """The path of a file whose content matches the pointer; errors in the block become CorruptData."""
        import pyarrow as pa

        try:
            self._verify(file)
            yield self.folder / file
        except CorruptData:
            raise
        except (OSError, pa.ArrowException, LookupError, TypeError, ValueError, MemoryError) as error:
            raise self._damaged(file, error) from error

    def _verify(self, file: str) -> None:
        """Check the SHA-256 of a file, once per process unless it is modified."""
        path, expected = self.folder / file, self.info.sha256[file]
        status = path.stat()
        seen = (str(path), expected, status.st_ino, status.st_size, status.st_mtime_ns)
        if seen in _verified:
            return
        if sha256_of(path) != expected:
            raise self._damaged(file, "its SHA-256 is not the one in the table's pointer")
        _verified.add(seen)

    def _check_rows(self, file: str, rows: int) -> None:
        if rows != self.info.architectures:
            raise self._damaged(file, f"{rows} rows for {self.info.architectures} architectures")

    def _damaged(self, file: str, error: object) -> CorruptData:
        step = how_to_rebuild(self.folder.parent, self.info.name)
        return CorruptData(f"table {self.info.name}: {self.folder / file} is damaged ({error}); {step}")


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


def write_table(
    name: str,
    space: str,
    recipe: str,
    table: MergedTable,
    digests: Sequence[str],
    card: str,
    root: Path | None = None,
    earlier: Sequence[Edition] = (),
) -> StoredTable:
    """Write a table and make it the current one with its name.

    Args:
        name: name of the table.
        space: key of its search space.
        recipe: digest of everything that determines its content.
        table: the content.
        digests: the space's digest of each architecture.
        card: the card, in markdown.
        root: folder for the table; `tables_dir()` by default.
        earlier: the editions before this one, the first first.

    Raises:
        FetchFailed: if the cache cannot be written (read-only, disk full); the previous table is kept.
    """
    root = tables_dir() if root is None else root
    with explain_write_failure(root):
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / name, lambda: False):
            folder = root / f"{name}-{secrets.token_hex(8)}"
            folder.mkdir()
            try:
                _write_archs(folder / "archs.parquet", table.archs, digests)
                blocks = _write_values(folder / "values.parquet", table)
                (folder / "card.md").write_text(card, encoding="utf-8")
                info = TableInfo(
                    format=FORMAT,
                    name=name,
                    space=space,
                    folder=folder.name,
                    recipe=recipe,
                    architectures=len(table.archs),
                    blocks=blocks,
                    sha256={path.name: sha256_of(path) for path in sorted(folder.iterdir())},
                    earlier=tuple(earlier),
                )
                previous = _readable_info(root, name)
                with atomic_path(root / f"{name}.json") as path:
                    path.write_bytes(encode_pointer(info))
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            _remove_others(root, name, folder.name, previous.folder if previous else "")
    return StoredTable(info, folder)


def _remove_others(root: Path, name: str, current: str, previous: str) -> None:
    """Remove the folder of the previous table and those left by killed writers; links are not followed.

    Called while the table's lock is held, so nobody is writing a folder named by this version. Earlier versions held
    no lock, so their folders are removed only when they are a day old.
    """
    ours = folder_pattern(name)
    with os.scandir(root) as entries:
        others = [entry for entry in entries if ours.fullmatch(entry.name) and entry.name != current]
    for entry in others:
        path = root / entry.name
        with suppress(OSError):
            if entry.is_symlink():
                path.unlink()
            elif entry.name == previous or _OWN_FOLDER.search(entry.name) or is_old(path):
                shutil.rmtree(path)


def remove_own(name: str) -> None:
    """Remove one of the user's own tables: first its pointer, then its folder.

    Raises:
        FetchFailed: if the cache cannot be written.
    """
    root = own_dir()
    with explain_write_failure(root), locked(root / name, lambda: False):
        (root / f"{name}.json").unlink(missing_ok=True)
        _remove_others(root, name, "", "")


def _readable_info(root: Path, name: str) -> TableInfo | None:
    try:
        return read_pointer(root / f"{name}.json", name)
    except CorruptData:
        return None


def _write_archs(path: Path, archs: Sequence[str], digests: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"arch": list(archs), "digest": list(digests)})
    # No text occurs twice, so a dictionary of them would only take time.
    pq.write_table(table, path, compression="zstd", write_page_checksum=True, use_dictionary=False)
    _sync(path)


def _write_values(path: Path, table: MergedTable) -> tuple[BlockInfo, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    metrics = sorted({metric for block in table.blocks.values() for metric in block})
    keys = [("arch_id", pa.int32()), ("dataset", pa.string()), ("epochs", pa.int32()), ("seed", pa.string())]
    schema = pa.schema(keys + [(metric, pa.float64()) for metric in metrics])
    n = len(table.archs)
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for key, block in table.blocks.items():
            arrays = [
                pa.array(np.arange(n, dtype=np.int32)),
                pa.repeat(key.dataset, n),
                pa.repeat(pa.scalar(key.epochs, pa.int32()), n),
                pa.repeat(key.seed, n),
                *(
                    pa.array(block[metric].values, mask=~block[metric].measured)
                    if metric in block
                    else pa.nulls(n, pa.float64())
                    for metric in metrics
                ),
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=max(n, 1))
    _sync(path)
    return block_infos(table)


def block_infos(table: MergedTable) -> tuple[BlockInfo, ...]:
    """The content of a table's blocks, in order."""
    return tuple(
        BlockInfo(
            *key,
            measured={metric: int(column.measured.sum()) for metric, column in sorted(block.items())},
            not_finite={
                metric: count
                for metric, column in sorted(block.items())
                if (count := int((column.measured & ~np.isfinite(column.values)).sum()))
            },
        )
        for key, block in table.blocks.items()
    )


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
