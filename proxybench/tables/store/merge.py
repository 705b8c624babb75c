"""Joins several sources into one table, and checks that they agree where they overlap.

Architectures keep the order of their first occurrence in the sources, so the first source sets the index order of a
benchmark. If two sources have the same metric of the same architecture, the values must agree and the first one is
kept; a source known to be a different draw only fills in values that no earlier one measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from proxybench.errors import CorruptData
from proxybench.tables.store.schema import KEYS, Fragment

AGREEMENT = 1e-4  # relative to the larger magnitude: sources print 4 to 17 digits


class BlockKey(NamedTuple):
    """The key shared by the rows of one block."""

    dataset: str
    epochs: int
    seed: str


@dataclass
class MeasuredColumn:
    """One metric of a block: a value per architecture, and whether any source measured it."""

    values: NDArray[np.float64]
    measured: NDArray[np.bool_]


@dataclass
class MergedTable:
    """A whole table in memory.

    Attributes:
        archs: architecture texts in index order.
        blocks: for each (dataset, epochs, seed) its metrics; every MeasuredColumn has one entry per architecture.
        notes: sentences of the sources for the card.
    """

    archs: list[str]
    blocks: dict[BlockKey, dict[str, MeasuredColumn]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class NamedFragment:
    """A fragment to join.

    Attributes:
        name: name for messages and notes.
        fills: whether it only fills in values that earlier sources did not measure, and need not agree with them.
    """

    name: str
    fragment: Fragment
    fills: bool = False


def merge(sources: Sequence[NamedFragment]) -> MergedTable:
    """Join sources in order.

    Raises:
        CorruptData: if a source contradicts itself or an earlier one; names architecture, metric and values.
    """
    positions: dict[str, int] = {}
    rows_of = [_positions(source.fragment.values, positions) for source in sources]
    table = MergedTable(archs=list(positions))
    for source, rows in zip(sources, rows_of, strict=True):
        for key, chosen in _split_blocks(source.fragment.values):
            _add_rows(table, key, source, rows, chosen)
        table.notes += [note for note in source.fragment.notes if note not in table.notes]
    table.blocks = {key: table.blocks[key] for key in sorted(table.blocks)}
    return table


def _positions(values: pa.Table, positions: dict[str, int]) -> NDArray[np.int64]:
    """Index of each row's architecture; new architectures are appended to `positions`."""
    encoded = values.column("arch").combine_chunks().dictionary_encode()
    known = [positions.setdefault(arch, len(positions)) for arch in encoded.dictionary.to_pylist()]
    codes: NDArray[np.int32] = encoded.indices.to_numpy()
    return np.asarray(known, dtype=np.int64)[codes]


def _split_blocks(values: pa.Table) -> Iterable[tuple[BlockKey, NDArray[np.int64]]]:
    """The row numbers of each (dataset, epochs, seed) of a fragment."""
    keys = values.select(list(BlockKey._fields))
    grouped = keys.append_column("row", pa.array(np.arange(len(keys)))).group_by(list(BlockKey._fields))
    for group in grouped.aggregate([("row", "list")]).to_pylist():
        yield BlockKey(group["dataset"], group["epochs"], group["seed"]), np.asarray(group["row_list"])


def _add_rows(
    table: MergedTable, key: BlockKey, source: NamedFragment, rows: NDArray[np.int64], chosen: NDArray[np.int64]
) -> None:
    block = table.blocks.setdefault(key, {})
    where = f"on {key.dataset} at {key.epochs} epochs, seed {key.seed or '-'}"
    for metric in source.fragment.values.column_names:
        if metric in KEYS:
            continue
        values = source.fragment.values.column(metric).combine_chunks()
        present = chosen[values.is_valid().to_numpy(zero_copy_only=False)[chosen]]
        if len(present) == 0:
            continue
        column = block.setdefault(metric, _empty_column(len(table.archs)))
        new = values.to_numpy(zero_copy_only=False)[present]
        differing = _add_values(column, rows[present], new)
        if len(differing) == 0:
            continue
        if source.fills:
            table.notes.append(
                f"{source.name}: {len(differing)} of {len(new)} values of {metric} {where} are another draw than an "
                "earlier source's, which were kept."
            )
            continue
        first = differing[0]
        row = rows[present][first]
        raise CorruptData(
            f"{source.name}: {table.archs[row]}: {metric} {where}, is {new[first]:.10g}, but "
            f"{column.values[row]:.10g} was read before ({len(differing)} of {len(new)} values disagree)"
        )


def _empty_column(size: int) -> MeasuredColumn:
    return MeasuredColumn(np.full(size, np.nan), np.zeros(size, dtype=bool))


def _add_values(column: MeasuredColumn, rows: NDArray[np.int64], new: NDArray[np.float64]) -> NDArray[np.int64]:
    """Write `new` at `rows` not measured yet; returns the positions in `new` that differ from existing values."""
    first_of_row = np.unique(rows, return_index=True)[1]
    fresh = first_of_row[~column.measured[rows[first_of_row]]]
    column.values[rows[fresh]] = new[fresh]
    column.measured[rows[fresh]] = True
    old = column.values[rows]
    finite = np.isfinite(old) & np.isfinite(new)  # an infinite value is only equal to itself
    limit = AGREEMENT * np.maximum(np.abs(old), np.abs(new))
    with np.errstate(over="ignore"):  # two large numbers of opposite sign
        gap = np.abs(np.subtract(old, new, where=finite, out=np.zeros_like(old)))
    agree = (finite & (gap <= limit)) | (old == new) | (np.isnan(old) & np.isnan(new))
    return np.flatnonzero(~agree)
