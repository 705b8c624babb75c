"""Architectures as values: one labelled graph (`ArchGraph`) and a batch of them with columns (`ArchBatch`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import EllipsisType
from typing import TYPE_CHECKING, Any, overload

from predictors.canonical import digest
from predictors.errors import InvalidGraph, unknown_name

if TYPE_CHECKING:  # numpy costs more than everything else an import of this package loads
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Index = slice | Sequence[int] | NDArray[Any]


@dataclass(frozen=True)
class ArchGraph:
    """One architecture: a directed graph with an operation on every node.

    Spaces that put operations on edges (NAS-Bench-201, DARTS) are given as their line graph, so that every
    predictor sees operations on nodes.

    Attributes:
        space: identifier of the search space; for people and tables, never for predictors.
        ops: operation label of each node, length n.
        edges: pairs (source, target) of node indices, each pair once.
        attrs: numeric node attributes (channels, stride, depth): (name, n values) pairs, sorted by name.

    Raises:
        InvalidGraph: when an edge leaves the nodes, repeats or is a loop, or an attribute has another length.
    """

    space: str
    ops: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    attrs: tuple[tuple[str, tuple[float, ...]], ...] = ()

    def __post_init__(self) -> None:
        n = len(self.ops)
        if len(set(self.edges)) != len(self.edges):
            raise InvalidGraph(f"an edge stands twice in {self.edges}")
        for source, target in self.edges:
            if source == target or not (0 <= source < n and 0 <= target < n):
                raise InvalidGraph(f"edge ({source}, {target}) does not fit a graph of {n} nodes")
        for name, values in self.attrs:
            if len(values) != n:
                raise InvalidGraph(f"attribute {name!r} has {len(values)} values for {n} nodes")

    @classmethod
    def unchecked(
        cls,
        space: str,
        ops: tuple[str, ...],
        edges: tuple[tuple[int, int], ...],
        attrs: tuple[tuple[str, tuple[float, ...]], ...] = (),
    ) -> ArchGraph:
        """A graph that is known to be one, such as a part of another: the checks cost more than all the rest."""
        graph = cls.__new__(cls)
        graph.__dict__.update(space=space, ops=ops, edges=edges, attrs=attrs)
        return graph

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits, equal if and only if operations, attributes and edges are isomorphic."""
        labels = self.ops
        if self.attrs:
            labels = tuple(
                repr((op, *(float(values[node]) for _, values in self.attrs))) for node, op in enumerate(self.ops)
            )
            labels = tuple(f"{[name for name, _ in self.attrs]}{label}" for label in labels)
        return digest(labels, self.edges)

    def __len__(self) -> int:
        return len(self.ops)


class Ragged:
    """Arrays of different lengths in one buffer: row i is `values[offsets[i]:offsets[i + 1]]`.

    Args:
        values: the rows end to end, shape [total] or [total, d]; may be memory-mapped.
        offsets: int64[n + 1], not decreasing, from 0 to total.
    """

    def __init__(self, values: ArrayLike, offsets: ArrayLike) -> None:
        import numpy as np

        self._values: NDArray[Any] = np.asanyarray(values)
        self._offsets: NDArray[np.int64] = np.asarray(offsets, dtype=np.int64)
        if len(self._offsets) == 0 or self._offsets[0] != 0 or self._offsets[-1] != len(self._values):
            raise ValueError("offsets must run from 0 to the number of values")
        if np.any(np.diff(self._offsets) < 0):
            raise ValueError("offsets must not decrease")

    @property
    def values(self) -> NDArray[Any]:
        """The rows end to end, shape [total] or [total, d]."""
        return self._values

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each row begins in `values`, and where the last ends, int64[n + 1]."""
        return self._offsets

    @classmethod
    def from_rows(cls, rows: Sequence[ArrayLike]) -> Ragged:
        """Join one array per row."""
        import numpy as np

        arrays = [np.asarray(row) for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(array) for array in arrays], dtype=np.int64)])
        return cls(np.concatenate(arrays) if arrays else np.empty(0), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        row = range(len(self))[row]
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows: Index) -> Ragged:
        """The chosen rows, in the order given; those of a slice of step 1 share memory with these."""
        import numpy as np

        if isinstance(rows, slice) and rows.step in (None, 1):
            start, stop, _ = rows.indices(len(self))
            bounds = self.offsets[start : max(start, stop) + 1]
            return Ragged(self.values[bounds[0] : bounds[-1]], bounds - bounds[0])
        rows = row_numbers(rows, len(self))
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        length = len(self.values) // max(1, len(self))
        if len(self.values) == length * len(self) and (lengths == length).all() and (starts == rows * length).all():
            width = self.values.shape[1:]  # whole rows are copied faster than their values one by one
            grid = self.values.reshape(len(self), length, *width)
            return Ragged(grid[rows].reshape(-1, *width), np.arange(len(rows) + 1) * length)
        places, offsets = places_of(starts, lengths)
        return Ragged(self.values[places], offsets)

    def with_empty_row(self) -> Ragged:
        """One more row at the end, of no values."""
        import numpy as np

        return Ragged(self.values, np.append(self.offsets, self.offsets[-1]))


def places_of(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the values of rows lie that start there and are so long, int64[total], and the offsets of the rows."""
    import numpy as np

    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths), offsets


def row_numbers(key: Any, n: int) -> NDArray[np.int64]:
    """The rows that a slice, a mask or numbers choose of `n`, as numbers from 0, in time that does not grow with n.

    Raises:
        IndexError: for a row that is not there, and for a key that chooses no rows.
    """
    import numpy as np

    if isinstance(key, slice):
        return np.arange(*key.indices(n))
    rows = np.asarray(key)
    if rows.ndim == 1 and rows.dtype.kind == "i" and len(rows) and -n <= rows.min() and rows.max() < n:
        return np.where(rows < 0, rows + n, rows)
    chosen: NDArray[np.int64] = np.arange(n)[key]
    return chosen


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class ArchBatch:
    """Architectures with named columns (`proxy:synflow`, `cost:flops`) and ragged per-node arrays (`nodes:snip`).

    `batch[3]` is an ArchGraph; a slice, an index array or a boolean mask gives the ArchBatch of those rows with
    their columns, so scikit-learn's splitters keep columns and architectures together. As in NumPy, columns and node
    arrays of a slice of step 1 share memory with those of the batch.

    Attributes:
        archs: n architectures.
        columns: name to float64[n]; NaN where there is no answer.
        nodes: name to a Ragged of n rows, one value per operation node; a MappedRagged where they lie in a file.

    Raises:
        ValueError: when a column or node array does not have n rows.
    """

    archs: Sequence[ArchGraph]
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    nodes: Mapping[str, Ragged] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.columns.items()}
        lengths |= {name: len(ragged) for name, ragged in self.nodes.items()}
        for name, rows in lengths.items():
            if rows != len(self.archs):
                raise ValueError(f"column {name!r} has {rows} rows for {len(self.archs)} architectures")

    @property
    def shape(self) -> tuple[int]:
        return (len(self.archs),)

    def __len__(self) -> int:
        return len(self.archs)

    def __iter__(self) -> Iterator[ArchGraph]:
        return iter(self.archs)

    @overload
    def __getitem__(self, key: int) -> ArchGraph: ...
    @overload
    def __getitem__(self, key: Index | tuple[Index, EllipsisType]) -> ArchBatch: ...
    def __getitem__(self, key: Any) -> ArchGraph | ArchBatch:
        import numpy as np

        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]  # scikit-learn indexes rows of anything with a shape as array[rows, ...]
        if isinstance(key, (int, np.integer)):
            return self.archs[int(key)]
        rows = row_numbers(key, len(self))
        consecutive = isinstance(key, slice) and key.step in (None, 1)
        if consecutive and len(rows) == len(self):
            return self  # node arrays in a file stay there
        where = key if consecutive else rows
        return ArchBatch(
            archs=[self.archs[row] for row in rows.tolist()],
            columns={name: values[where] for name, values in self.columns.items()},
            nodes={name: ragged.take(where) for name, ragged in self.nodes.items()},
        )

    def column(self, name: str) -> NDArray[np.float64]:
        """One column, float64[n]; raises UnknownName with the nearest name."""
        if name not in self.columns:
            raise unknown_name("column", name, self.columns)
        return self.columns[name]

    def with_columns(self, **columns: ArrayLike) -> ArchBatch:
        """A copy with more columns, or other values for those of the same name."""
        import numpy as np

        added = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
        return ArchBatch(self.archs, {**self.columns, **added}, self.nodes)
