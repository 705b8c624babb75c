"""Fetches benchmarks by name into tables on this machine, and verifies stored files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from proxybench.errors import CorruptData, ProxybenchError
from proxybench.tables.build import build_table, recipe
from proxybench.tables.shipped import LICENCE, ShippedTable, shipped_table
from proxybench.tables.sources.download import obtain_all, raw_path, verify_file
from proxybench.tables.sources.registry import load_registry
from proxybench.tables.store.places import open_table, read_info, stored_names
from proxybench.tables.store.pointer import how_to_rebuild


@dataclass(frozen=True)
class Fetched:
    """The outcome for one benchmark.

    Attributes:
        outcome: "built", "present" (nothing to do), "shipped" (it comes with the project) or "failed".
        message: why it failed, empty otherwise.
    """

    name: str
    outcome: Literal["built", "present", "shipped", "failed"]
    architectures: int = 0
    licences: tuple[str, ...] = ()
    message: str = ""


def fetch(
    names: Iterable[str],
    *,
    rebuild: bool = False,
    jobs: int = 4,
    on_bytes: Callable[[int], None] | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> list[Fetched]:
    """Download, verify and import benchmarks; a failure does not stop the others.

    Args:
        names: registered benchmarks.
        rebuild: import again even if the table is present and made by the same recipe.
        jobs: simultaneous downloads.
        on_bytes: called with the size of each piece received.
        on_step: called with a short description before each step.

    Raises:
        UnknownName: if a name is not registered; in this case nothing has been done.
    """
    registry = load_registry()
    wanted = {name: registry.benchmark(name) for name in dict.fromkeys(names)}
    shipped = {name: table for name in wanted if (table := shipped_table(name))}
    absent = {name for name in wanted if name not in shipped and (rebuild or not _present(name))}
    files = {file: source for name in absent for file, source in registry.files_of(name).items()}
    paths, failures = obtain_all(files, jobs=jobs, progress=on_bytes)
    results = []
    for name, entry in wanted.items():
        if name in shipped:
            results.append(_looked_at(name, shipped[name]))
            continue
        needed = registry.files_of(name)
        licences = tuple(sorted({file.licence for file in needed.values()}))
        if name not in absent:
            info = read_info(name)
            results.append(Fetched(name, "present", info.architectures if info else 0, licences))
            continue
        try:
            for file in needed:
                if file in failures:
                    raise failures[file]
            built = build_table(name, entry, needed, paths, partial(_named_step, on_step, name))
            results.append(Fetched(name, "built", built.info.architectures, licences))
        except ProxybenchError as error:
            results.append(Fetched(name, "failed", 0, licences, str(error)))
    return results


@dataclass(frozen=True)
class Verified:
    """The state of one file or table on this machine."""

    name: str
    kind: Literal["file", "table"]
    state: str

    @property
    def ok(self) -> bool:
        return self.state == "ok"


def verify() -> list[Verified]:
    """Recompute the SHA-256 of every raw file and table in the cache, and reread the tables of the project.

    Missing ones are not listed.
    """
    results = [_verified(name, table) for name in load_registry().benchmarks if (table := shipped_table(name))]
    for name, file in load_registry().files.items():
        if raw_path(file).exists():
            results.append(Verified(name, "file", verify_file(file)))
    for name in stored_names():
        try:
            stored = open_table(name)
            damage = stored.damage()
            step = how_to_rebuild(stored.folder.parent, name)
            state = f"damaged: {', '.join(damage)}; {step}" if damage else "ok"
        except ProxybenchError as error:
            state = str(error)
        results.append(Verified(name, "table", state))
    return results


def _looked_at(name: str, table: ShippedTable) -> Fetched:
    try:
        return Fetched(name, "shipped", table.info.architectures, (LICENCE,))
    except CorruptData as error:
        return Fetched(name, "failed", 0, (LICENCE,), str(error))


def _verified(name: str, table: ShippedTable) -> Verified:
    try:
        table.check()
    except CorruptData as error:
        return Verified(name, "table", str(error))
    return Verified(name, "table", "ok")


def _named_step(on_step: Callable[[str], None], name: str, step: str) -> None:
    on_step(f"{name}: {step}")


def _present(name: str) -> bool:
    """Whether the table is present, passes a quick check, and was made from the current registry."""
    registry = load_registry()
    try:
        info = read_info(name)
    except CorruptData:
        return False
    if info is None or info.recipe != recipe(registry.benchmark(name), registry.files_of(name)):
        return False
    folder = open_table(name).folder
    return all((folder / file).is_file() for file in info.sha256)
