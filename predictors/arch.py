"""Architectures as values: one labelled graph (`ArchGraph`) and a batch of them with columns (`ArchBatch`)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import EllipsisType
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from predictors.canonical import digest
from predictors.errors import InvalidGraph, InvalidValues, unknown_name
from predictors.frozen import Frozen, shortened
from predictors.ragged import Ragged
from predictors.rows import is_mask, read_only, row_numbers

if TYPE_CHECKING:  # numpy costs more than everything else an import of this package loads
    from numpy.typing import ArrayLike, NDArray

    from predictors.row_labels import RowLabels
    from predictors.rows import Index

__all__ = ["ArchBatch", "ArchGraph", "Ragged"]


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
        InvalidGraph: if an edge is out of range, repeated or a self-loop, or an attribute has the wrong length.
    """

    space: str
    ops: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    attrs: tuple[tuple[str, tuple[float, ...]], ...] = ()

    def __post_init__(self) -> None:
        n = len(self.ops)
        if len(set(self.edges)) != len(self.edges):
            raise InvalidGraph(f"repeated edge in {self.edges}")
        for source, target in self.edges:
            if source == target or not (0 <= source < n and 0 <= target < n):
                raise InvalidGraph(f"edge ({source}, {target}) is not valid in a graph of {n} nodes")
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
        """A graph known to be valid, such as part of another one; skips the checks, which dominate the cost."""
        graph = cls.__new__(cls)
        graph.__dict__.update(space=space, ops=ops, edges=edges, attrs=attrs)
        return graph

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits, equal if and only if graphs with their operations and attributes are isomorphic."""
        labels = self.ops
        if self.attrs:
            labels = tuple(
                repr((op, *(float(values[node]) for _, values in self.attrs))) for node, op in enumerate(self.ops)
            )
            labels = tuple(f"{[name for name, _ in self.attrs]}{label}" for label in labels)
        return digest(labels, self.edges)

    def __len__(self) -> int:
        return len(self.ops)


@dataclass(frozen=True, eq=False, repr=False)  # arrays have no truth value to compare by
class ArchBatch:
    """Architectures with named columns (`proxy:synflow`, `cost:flops`) and ragged per-node arrays (`nodes:snip`).

    `batch[3]` is an ArchGraph; a slice, an index array or a boolean mask selects the ArchBatch of those rows with
    their columns, so scikit-learn's splitters keep columns and architectures together. As in NumPy, columns and node
    arrays of a slice with step 1 share memory with those of the batch.

    A batch is immutable. Columns are converted and copied when it is created, and the mappings and arrays are
    read-only; `with_columns` returns a batch with more columns.

    Args:
        archs: n architectures, in a sequence, an iterator, an object array or a pandas Series.
        columns: maps names to n numbers in any container (see `predictors.inputs`), or is a DataFrame. Values are
            taken by position; missing values become NaN.
        nodes: maps names to a Ragged of n rows, or to one list of numbers per architecture.

    Attributes:
        archs: n architectures.
        columns: maps names to float64[n]; NaN where a value is missing.
        nodes: maps names to a Ragged of n rows, one value per operation node; a MappedRagged if stored in a file.
        labels: what is known about the identity of the rows, for `require_rows`.

    Warns:
        IndexIgnored: if columns have a pandas index other than 0 to n - 1 and the architectures have none.

    Raises:
        ValueError: if a column or node array does not have n rows or does not hold real numbers, or if the pandas
            indices of columns differ.
        TypeError: if an architecture is not an ArchGraph, or a name is not text.
    """

    archs: Sequence[ArchGraph]
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    nodes: Mapping[str, Ragged] = field(default_factory=dict)
    labels: RowLabels = field(init=False)

    def __post_init__(self) -> None:
        from predictors.inputs import index_of
        from predictors.row_labels import RowLabels

        given = _by_name(self.columns)
        archs = _listed(self.archs)
        named = {f"column {name!r}": values for name, values in given.items()}
        labels = RowLabels.of({"the architectures": self.archs, **named}, positional=index_of(self.archs) is None)
        columns = {name: _column(name, values, len(archs)) for name, values in given.items()}
        nodes = {name: _node_array(rows) for name, rows in self.nodes.items()}
        for name, ragged in nodes.items():
            _require_rows(name, len(ragged), len(archs))
        self.__dict__.update(archs=archs, columns=Frozen(columns, _CHANGE), nodes=Frozen(nodes, _CHANGE), labels=labels)

    @classmethod
    def _of(cls, archs: Sequence[ArchGraph], columns: Any, nodes: Any, labels: RowLabels) -> ArchBatch:
        """A batch from data that another batch has already converted and checked."""
        batch = cls.__new__(cls)
        columns = {name: read_only(values) for name, values in columns.items()}
        nodes = {name: rows.read_only() for name, rows in nodes.items()}
        batch.__dict__.update(
            archs=archs, columns=Frozen(columns, _CHANGE), nodes=Frozen(nodes, _CHANGE), labels=labels
        )
        return batch

    @classmethod
    def labelled(cls, archs: list[ArchGraph], source: Any) -> ArchBatch:
        """A batch without columns; if `source` is a pandas Series, its index names the rows."""
        from predictors.row_labels import RowLabels

        return cls._of(archs, {}, {}, RowLabels.of({"the architectures": source}, positional=False))

    def __reduce__(self) -> tuple[Any, ...]:
        return ArchBatch._of, (self.archs, dict(self.columns), dict(self.nodes), self.labels)

    @property
    def shape(self) -> tuple[int]:
        return (len(self.archs),)

    def __len__(self) -> int:
        return len(self.archs)

    def __iter__(self) -> Iterator[ArchGraph]:
        return iter(self.archs)

    def __repr__(self) -> str:
        said = [f"ArchBatch of {len(self)} architectures"]
        said += [f"columns {shortened(self.columns)}"] if self.columns else []
        said += [f"node arrays {shortened(self.nodes)}"] if self.nodes else []
        return f"<{'; '.join(said)}>"

    @overload
    def __getitem__(self, key: int) -> ArchGraph: ...
    @overload
    def __getitem__(self, key: Index | tuple[Index, EllipsisType]) -> ArchBatch: ...
    def __getitem__(self, key: Any) -> ArchGraph | ArchBatch:
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]  # scikit-learn selects rows of anything with a shape by array[rows, ...]
        if isinstance(key, (bool, np.bool_)):
            raise IndexError(f"{key} does not select rows; use a number, a mask of {len(self)} values or a slice")
        if isinstance(key, (int, np.integer)):
            return self.archs[_one_row(int(key), len(self))]
        if not isinstance(key, (slice, list)) and getattr(key, "ndim", None) == 0:
            return self.archs[_one_row(operator.index(key), len(self))]
        if is_mask(key):
            self.require_rows(key, "a mask")
        rows = row_numbers(key, len(self))
        consecutive = isinstance(key, slice) and key.step in (None, 1)
        if consecutive and len(rows) == len(self):
            return self  # node arrays in a file are not read
        where = key if consecutive else rows
        return ArchBatch._of(
            archs=[self.archs[row] for row in rows.tolist()],
            columns={name: values[where] for name, values in self.columns.items()},
            nodes={name: ragged.take(where) for name, ragged in self.nodes.items()},
            labels=self.labels.take(rows),
        )

    def column(self, name: str) -> NDArray[np.float64]:
        """One column, float64[n], read-only. Raises UnknownName, which suggests the nearest name."""
        if name not in self.columns:
            raise unknown_name("column", name, self.columns)
        return self.columns[name]

    def with_columns(self, **columns: ArrayLike) -> ArchBatch:
        """A new batch with columns added, or replaced where the name exists; this batch is unchanged.

        Warns and raises as the constructor does; a pandas index is compared with that of the existing columns.
        """
        return self.extended(columns)

    def extended(self, columns: Mapping[str, Any], nodes: Mapping[str, Ragged] | None = None) -> ArchBatch:
        """Like `with_columns`, but takes arbitrary names, and node arrays as well."""
        labels = self.labels.joined({f"column {name!r}": values for name, values in columns.items()})
        added = {name: _column(name, values, len(self)) for name, values in columns.items()}
        arrays = {name: _node_array(rows) for name, rows in (nodes or {}).items()}
        for name, rows in arrays.items():
            _require_rows(name, len(rows), len(self))
        return ArchBatch._of(self.archs, {**self.columns, **added}, {**self.nodes, **arrays}, labels)

    def named_by(self, index: Callable[[], Any]) -> ArchBatch:
        """The same batch with its rows also named by a pandas index, so that targets with that index raise no warning.

        Args:
            index: returns the index of the n rows; first called when targets with an index are seen.
        """
        from predictors.row_labels import Names

        return ArchBatch._of(self.archs, self.columns, self.nodes, replace(self.labels, names=Names(index)))

    def require_rows(self, values: Any, what: str) -> None:
        """Check that `values`, if they have a pandas index, belong to the rows of this batch.

        Warns:
            IndexIgnored: if their index is not 0 to n - 1 and the batch has none.

        Raises:
            ValueError: if their index differs from that of the batch's columns.
        """
        self.labels.compare(values, what)


_CHANGE = "batch.with_columns(name=values) returns a batch with another column"


def _listed(archs: Any) -> Sequence[ArchGraph]:
    """Architectures as an indexable sequence; a sequence that creates them lazily is returned unchanged."""
    if isinstance(archs, ArchBatch):
        return archs.archs
    if isinstance(archs, (str, bytes, Mapping, Set, ArchGraph)) or not isinstance(archs, Iterable):
        raise TypeError(f"architectures must be a sequence of ArchGraph, not {type(archs).__name__}")
    if isinstance(archs, Sequence) and not isinstance(archs, (list, tuple)):
        return archs
    found = list(archs)
    for number, arch in enumerate(found):
        if not isinstance(arch, ArchGraph):
            raise TypeError(f"architectures must be ArchGraph; number {number} is of type {type(arch).__name__}")
    return found


def _by_name(columns: Any) -> dict[str, Any]:
    """The columns of a mapping, or of a pandas, Arrow or polars table."""
    if isinstance(columns, Mapping):
        found = dict(columns)
    elif hasattr(type(columns), "column_names"):  # Arrow, where `columns` are the values
        found = {name: columns[name] for name in columns.column_names}
    elif hasattr(type(columns), "columns"):
        found = {name: columns[name] for name in columns.columns}
    else:
        raise TypeError(f"columns must be a mapping from names to values, not {type(columns).__name__}")
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"column names must be text, not {name!r}")
    return found


def _column(name: str, values: Any, n: int) -> NDArray[np.float64]:
    """A read-only copy of a column as float64[n]."""
    from predictors.inputs import as_floats

    found = as_floats(values, f"column {name!r}")
    if found.ndim != 1:
        hint = "; take its only column with [:, 0]" if found.ndim == 2 and found.shape[1] == 1 else ""
        raise InvalidValues(
            f"column {name!r} has shape {found.shape}; it must have one value for each architecture{hint}"
        )
    _require_rows(name, len(found), n)
    return read_only(found.copy())  # copied even if it is a read-only view, since its owner may change it


def _node_array(rows: Any) -> Ragged:
    return (rows if isinstance(rows, Ragged) else Ragged.from_rows(rows)).read_only()


def _require_rows(name: str, rows: int, n: int) -> None:
    if rows != n:
        raise InvalidValues(f"column {name!r} has {rows} rows for {n} architectures")


def _one_row(row: int, n: int) -> int:
    if not -n <= row < n:
        raise IndexError(f"row {row} is out of range for {n} architectures")
    return row
