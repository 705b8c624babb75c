"""The list of benchmarks, and whether they are on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from predictors.errors import UnknownName, unknown_name
from proxybench.errors import DataNotAvailable
from proxybench.tables.shipped import LICENCE, shipped_table
from proxybench.tables.sources.registry import load_registry
from proxybench.tables.store.cards import with_checks, write_outline
from proxybench.tables.store.places import open_table, own_names, read_info, stored_names


@dataclass(frozen=True)
class BenchmarkInfo:
    """A benchmark in the list.

    Attributes:
        name: name for `proxybench.load` and `proxybench fetch`.
        space: its search space.
        title: a description in one line.
        available: whether the table is on this machine.
        architectures: number of architectures; None if the table is not on this machine.
        licences: licences of its source files, as stated by the sources.
        bytes: download size.
        shipped: whether it comes with the project.
        own: whether it is a table of the user's own results.
    """

    name: str
    space: str
    title: str
    available: bool
    architectures: int | None
    licences: tuple[str, ...]
    bytes: int
    shipped: bool = False
    own: bool = False


def list_benchmarks() -> dict[str, BenchmarkInfo]:
    """All registered benchmarks and all tables on this machine, by name.

    Raises:
        CorruptData: if a shipped table, or the pointer to a stored one, is damaged.
    """
    registry = load_registry()
    infos, own = {}, set(own_names())
    for name in sorted({*registry.benchmarks, *stored_names()}):
        shipped = shipped_table(name)
        table = shipped.info if shipped else read_info(name)
        entry = registry.benchmarks.get(name)
        files = registry.files_of(name).values() if entry else ()
        infos[name] = BenchmarkInfo(
            name=name,
            space=entry.space if entry else table.space if table else "",
            title=entry.title if entry else "your own results" if name in own else "imported from official files",
            available=table is not None,
            architectures=table.architectures if table else None,
            licences=(LICENCE,) if shipped else tuple(sorted({file.licence for file in files})),
            bytes=sum(file.bytes for file in files),
            shipped=shipped is not None,
            own=entry is None and name in own,
        )
    return infos


def describe(name: str) -> str:
    """A benchmark's card, in markdown: of the table if it is on this machine, otherwise what the registry knows.

    Raises:
        UnknownName: if there is no such benchmark; suggests the nearest.
        DataNotAvailable: if the table comes from official files of the user, and has not been imported.
        CorruptData: if the table is damaged.
    """
    registry = load_registry()
    entry = registry.benchmarks.get(name)
    table = shipped_table(name) or (open_table(name) if read_info(name) else None)
    if table is None and entry is None:
        raise not_available(name)
    card = table.card if table else write_outline(name, registry.benchmark(name).flat, registry.files_of(name))
    return with_checks(card, entry) if entry else card


# Tables imported only from a user's official file: prefix of their names, and the kind for `import`.
OFFICIAL = {
    "nats-tss": "nats-tss",
    "nats-sss": "nats-sss",
    "nasbench101-official": "nasbench101",
    "nds-": "nds",
    "suite-zero-": "suite-zero",
}


def official_kind(name: str) -> str | None:
    """The kind for `import` of a table that comes only from a user's official file; None for all others."""
    if name in {*load_registry().benchmarks, *stored_names()}:
        return None
    for prefix, kind in OFFICIAL.items():
        if name == prefix or (prefix.endswith("-") and name.startswith(prefix)):
            return kind
    return None


def not_available(name: str) -> DataNotAvailable | UnknownName:
    """The error for a table that is not on this machine: it is unknown, or how to get it."""
    known = {*load_registry().benchmarks, *stored_names()}
    kind = official_kind(name)
    if kind is not None:
        return DataNotAvailable(
            f"table {name} is not on this machine; run: proxybench import {kind} PATH_OF_THE_OFFICIAL_FILE"
        )
    if name not in known:
        return unknown_name("benchmark", name, sorted(known))
    return DataNotAvailable(f"table {name} is not on this machine; run: proxybench fetch {name}")
