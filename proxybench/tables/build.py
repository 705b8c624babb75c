"""Builds a table from raw files: run the importers and join their fragments; if stored, write parquet and card."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from proxybench.errors import CorruptData, InvalidArchitecture, UnknownName
from proxybench.spaces import SearchSpace, get_space
from proxybench.tables.sources.registry import BenchmarkEntry, SourceFile, Use
from proxybench.tables.store.cards import write_card
from proxybench.tables.store.merge import MergedTable, NamedFragment, merge
from proxybench.tables.store.pointer import FORMAT, Edition
from proxybench.tables.store.schema import Fragment
from proxybench.tables.store.stored import StoredTable
from proxybench.tables.store.writing import block_infos, write_table

Importer = Callable[..., Fragment]
IMPORTERS = "proxybench.tables.importers"
_CHECKED_AT_ONCE = 16_384  # number of graphs held in memory at once
CODE_VERSION = 1  # increment when an importer or the merge changes the content of a table


def recipe(entry: BenchmarkEntry, files: Mapping[str, SourceFile]) -> str:
    """A digest of everything that determines a table's content: sources, importers, arguments, code version.

    Args:
        entry: the registry's entry, or one edition of it.
        files: the files of the table; those that the edition does not use are ignored.
    """
    described = msgspec.to_builtins(entry)
    del described["checks"]
    if not entry.additions:  # as it was before tables had additions
        del described["additions"]
    used = {name for use in entry.flat.sources for name in use.files}
    parts = [FORMAT, CODE_VERSION, described, {name: file.sha256 for name, file in files.items() if name in used}]
    return hashlib.blake2b(msgspec.json.encode(parts, order="deterministic"), digest_size=16).hexdigest()


def build_table(
    name: str,
    entry: BenchmarkEntry,
    files: Mapping[str, SourceFile],
    paths: Mapping[str, Path],
    progress: Callable[[str], None] = lambda step: None,
) -> StoredTable:
    """Import the files of a benchmark and store the table.

    Args:
        name: name of the table.
        entry: its space, importers and card texts.
        files: the registry's description of each file.
        paths: location of each file.
        progress: called with a short description before each step.

    Raises:
        CorruptData: if a file is not what its importer expects, or two sources contradict each other.
    """
    sources = fragments(entry, paths, progress)
    progress("joining sources")
    table = merge(sources)
    earlier = earlier_editions(name, entry, files, table, sources)
    return store_merged(name, entry.flat, files, table, recipe(entry, files), progress, earlier)


def earlier_editions(
    name: str,
    entry: BenchmarkEntry,
    files: Mapping[str, SourceFile],
    table: MergedTable,
    sources: Sequence[NamedFragment],
) -> list[Edition]:
    """What the pointer of a table says about the editions before its additions, the first one first.

    Args:
        name: name of the table.
        entry: its sources and additions.
        files: the registry's description of each file.
        table: the table as it is now.
        sources: what the importers return, in the order of the sources.

    Raises:
        CorruptData: if an addition changes a value that an earlier edition has.
    """
    return [
        _edition(name, table, merge(sources[: len(edition.flat.sources)]), recipe(edition, files))
        for edition in entry.editions[:-1]
    ]


def fragments(
    entry: BenchmarkEntry, paths: Mapping[str, Path], progress: Callable[[str], None] = lambda step: None
) -> list[NamedFragment]:
    """What the importers of a benchmark's sources return. Raises CorruptData like `build_table`."""
    space = get_space(entry.space)
    sources = []
    for use in entry.flat.sources:
        progress(f"reading {', '.join(use.files)}")
        fragment = _run(use, [paths[file] for file in use.files], space)
        sources.append(NamedFragment(", ".join(use.files), fragment, use.fills))
    return sources


def _edition(name: str, table: MergedTable, edition: MergedTable, made_by: str) -> Edition:
    """What the pointer says about an earlier edition.

    Raises:
        CorruptData: if the whole table differs from the edition in a value, or in whether a value was measured.
    """
    count = len(edition.archs)
    for key, block in edition.blocks.items():
        for metric, column in block.items():
            whole = table.blocks[key][metric]
            same = np.array_equal(whole.values[:count], column.values, equal_nan=True)
            if not same or not np.array_equal(whole.measured[:count], column.measured):
                raise CorruptData(
                    f"table {name}: an addition changes {metric} on {key.dataset} at {key.epochs} epochs, which an "
                    "earlier edition has; give it another seed or data set"
                )
    return Edition(made_by, count, block_infos(edition))


def store_merged(
    name: str,
    entry: BenchmarkEntry,
    files: Mapping[str, SourceFile],
    table: MergedTable,
    made_by: str,
    progress: Callable[[str], None] = lambda step: None,
    earlier: Sequence[Edition] = (),
) -> StoredTable:
    """Check every architecture against the space, then write table and card."""
    if not table.archs:
        raise CorruptData(f"table {name}: the sources hold no architectures")
    progress(f"checking {len(table.archs)} architectures")
    digests = checked_digests(name, table.archs, get_space(entry.space))
    progress("writing")
    card = write_card(name, entry, files, table, digests)
    return write_table(name, entry.space, made_by, table, digests, card, earlier=earlier)


def _run(use: Use, paths: Sequence[Path], space: SearchSpace) -> Fragment:
    module, _, function = use.importer.partition(":")
    importer: Importer = getattr(importlib.import_module(f"{IMPORTERS}.{module}"), function)
    arguments: dict[str, Any] = dict(use.args)
    try:
        return importer(paths, space, **arguments)
    except (InvalidArchitecture, UnknownName) as error:
        raise CorruptData(f"{', '.join(map(str, paths))}: {error}") from error


def checked_digests(name: str, archs: Sequence[str], space: SearchSpace) -> list[str]:
    """The space's digest of each architecture; this also checks that the space can parse the text.

    Raises:
        CorruptData: if a text is not an architecture of the space, or not in the form that the space writes.
    """
    digests: list[str] = []
    try:
        for start in range(0, len(archs), _CHECKED_AT_ONCE):
            digests += space.digests_of_texts(archs[start : start + _CHECKED_AT_ONCE])
    except InvalidArchitecture as error:
        raise CorruptData(f"table {name}: {error}") from error
    return digests
