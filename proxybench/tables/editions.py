"""Earlier editions of a table: its first rows, with the values it had before sources were added.

A task or a search problem uses the first edition that has every quantity it names. Sources that are added later then
change neither its population, nor the columns that methods see, nor its identity in records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from proxybench.tables.answers import OpenTable
from proxybench.tables.store.merge import BlockKey
from proxybench.tables.store.pointer import BlockInfo, Edition, TableInfo


class Needed(NamedTuple):
    """A quantity that an edition must have; None stands for any data set, metric or epochs."""

    dataset: str | None
    metric: str | None = None
    epochs: int | None = None

    def among(self, blocks: Sequence[BlockInfo]) -> bool:
        """Whether one of the blocks has it."""
        return any(
            self.dataset in (None, block.dataset)
            and self.metric in (None, *block.measured)
            and self.epochs in (None, block.epochs)
            for block in blocks
        )


class EditionTable:
    """An earlier edition of a table, opened for reading like the table.

    Args:
        table: the table as it is now.
        edition: the edition, one of `table.info.earlier`.
    """

    def __init__(self, table: OpenTable, edition: Edition) -> None:
        self._table = table
        self._count = edition.architectures
        self.info: TableInfo = msgspec.structs.replace(
            table.info,
            recipe=edition.recipe,
            architectures=edition.architectures,
            blocks=edition.blocks,
            earlier=(),
        )

    @cached_property
    def archs(self) -> Sequence[str]:
        """Architecture texts in index order."""
        return self._table.archs[: self._count]

    @cached_property
    def digests(self) -> Sequence[str]:
        """The space's digest of each architecture, in index order."""
        return self._table.digests[: self._count]

    @property
    def card(self) -> str:
        """The card of the table as it is now."""
        return self._table.card

    def column(self, key: BlockKey, metric: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Values (NaN where null) and whether each was measured, one entry per architecture of the edition."""
        values, measured = self._table.column(key, metric)
        return values[: self._count], measured[: self._count]


def first_edition_with(table: OpenTable, needs: Iterable[Needed]) -> OpenTable:
    """The first edition of a table that has everything needed; the table itself if no earlier one has."""
    wanted = list(needs)
    for edition in table.info.earlier:
        if all(need.among(edition.blocks) for need in wanted):
            return EditionTable(table, edition)
    return table
