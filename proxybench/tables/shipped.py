"""Tables that come with the project: read directly from its data folder, nothing is downloaded or written.

They are small, so they are held in memory. They need no cache folder, so it may be read-only and has no stale copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import CorruptData
from proxybench.resources import data_path
from proxybench.spaces import get_space
from proxybench.tables.build import checked_digests, earlier_editions, fragments, recipe
from proxybench.tables.sources.cache import sha256_of
from proxybench.tables.sources.registry import BenchmarkEntry, SourceFile, load_registry
from proxybench.tables.store.cards import write_card
from proxybench.tables.store.merge import BlockKey, MergedTable, NamedFragment, merge
from proxybench.tables.store.pointer import FORMAT, TableInfo
from proxybench.tables.store.writing import block_infos

LICENCE = "Apache-2.0, as the project's code"


class ShippedTable:
    """A table from the project's own files, opened for reading like a StoredTable.

    Args:
        name: name of the benchmark.
        entry: its space, importers and card texts.
        paths: location of each file, by its name in the registry.
        own_card: the card written with the data; it need not exist.

    Raises:
        CorruptData: on first use, if a file is missing or damaged.
    """

    def __init__(self, name: str, entry: BenchmarkEntry, paths: Mapping[str, Path], own_card: Path) -> None:
        self._name = name
        self._entry = entry
        self._paths = paths
        self._own_card = own_card

    @cached_property
    def info(self) -> TableInfo:
        """The content of the table; it has no folder."""
        return TableInfo(
            format=FORMAT,
            name=self._name,
            space=self._entry.space,
            folder="",
            recipe=recipe(self._entry, self._files),
            architectures=len(self.archs),
            blocks=block_infos(self._table),
            sha256={},
            earlier=tuple(earlier_editions(self._name, self._entry, self._files, self._table, self._sources)),
        )

    @property
    def archs(self) -> list[str]:
        """Architecture texts in index order."""
        return self._table.archs

    @cached_property
    def digests(self) -> list[str]:
        """The space's digest of each architecture, in index order."""
        return checked_digests(self._name, self.archs, get_space(self._entry.space))

    @property
    def card(self) -> str:
        """The table's card, followed by the one written with the data. Markdown."""
        own = self._own_card.read_text(encoding="utf-8") if self._own_card.is_file() else ""
        return write_card(self._name, self._entry.flat, self._files, self._table, self.digests, own)

    def column(self, key: BlockKey, metric: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Values (NaN where null) and whether each was measured, one entry per architecture."""
        column = self._table.blocks[key][metric]
        return column.values, column.measured

    def check(self) -> None:
        """Read everything: the checksums within the files, every row, every architecture. Raises CorruptData."""
        checked_digests(self._name, self.archs, get_space(self._entry.space))

    @cached_property
    def _table(self) -> MergedTable:
        table = merge(self._sources)
        if not table.archs:
            raise CorruptData(f"table {self._name}: its files hold no architectures")
        return table

    @cached_property
    def _sources(self) -> list[NamedFragment]:
        return fragments(self._entry, self._found())

    @cached_property
    def _files(self) -> dict[str, SourceFile]:
        return {
            name: SourceFile((), f"data/{path.parent.name}/{path.name}", sha256_of(path), path.stat().st_size, LICENCE)
            for name, path in self._found().items()
        }

    def _found(self) -> Mapping[str, Path]:
        for path in self._paths.values():
            if not path.is_file():
                raise CorruptData(f"table {self._name}: {path} comes with the project but is missing; reinstall it")
        return self._paths


@cache
def shipped_table(name: str) -> ShippedTable | None:
    """The table of a benchmark that comes with the project; None for any other name."""
    registry = load_registry()
    files = registry.shipped_of(name) if name in registry.benchmarks else {}
    if not files:
        return None
    paths = {file: Path(data_path(path)) for file, path in files.items()}
    return ShippedTable(name, registry.benchmark(name), paths, Path(data_path(f"cards/{name}.md")))
