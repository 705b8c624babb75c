"""Parts of a batch, read with no more copying than need be: predictions go through a space part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from predictors.arch import ArchBatch, Ragged, row_numbers
from predictors.mapped import MappedRagged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from predictors.arch import Index


def part_of(batch: ArchBatch, rows: Index) -> ArchBatch:
    """`batch[rows]`, whose columns and node arrays share memory with the batch's where rows are consecutive.

    All rows in their order are the batch itself.
    """
    numbers = row_numbers(rows, len(batch))
    consecutive = _consecutive(numbers)
    if consecutive and len(numbers) == len(batch):
        return batch
    where = slice(int(numbers[0]), int(numbers[-1]) + 1) if consecutive else numbers
    return ArchBatch(
        [batch.archs[row] for row in numbers],
        {name: values[where] for name, values in batch.columns.items()},
        {name: rows_of(nodes, numbers, consecutive) for name, nodes in batch.nodes.items()},
    )


def rows_of(nodes: Ragged, rows: NDArray[np.int64], consecutive: bool = False) -> Ragged:
    """`nodes.take(rows)`; faster where rows are all of one length, and a view where they are known as consecutive."""
    if isinstance(nodes, MappedRagged) or not len(rows):
        return nodes.take(rows)
    offsets = nodes.offsets
    if consecutive:
        bounds = offsets[rows[0] : rows[-1] + 2]
        return Ragged(nodes.values[bounds[0] : bounds[-1]], bounds - bounds[0])
    length = int(offsets[1])
    if len(nodes.values) != length * len(nodes) or (np.diff(offsets) != length).any():
        return nodes.take(rows)
    grid = nodes.values.reshape(len(nodes), length, *nodes.values.shape[1:])
    return Ragged(grid[rows].reshape(-1, *nodes.values.shape[1:]), np.arange(len(rows) + 1) * length)


def _consecutive(rows: NDArray[np.int64]) -> bool:
    return len(rows) > 0 and int(rows[-1]) - int(rows[0]) == len(rows) - 1 and bool((np.diff(rows) == 1).all())
