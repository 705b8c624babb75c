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


@dataclass(frozen=True, eq=False, repr=False)  # arrays have no truth value to compare by
class ArchBatch:
    """Architectures with named columns (`proxy:synflow`, `cost:flops`) and ragged per-node arrays (`nodes:snip`).

    `batch[3]` is an ArchGraph; a slice, an index array or a boolean mask gives the ArchBatch of those rows with
    their columns, so scikit-learn's splitters keep columns and architectures together. As in NumPy, columns and node
    arrays of a slice of step 1 share memory with those of the batch.

    A batch does not change. Columns are converted and copied when it is made, and the mappings and arrays are
    read-only; `with_columns` gives a batch with more columns.

    Args:
        archs: n architectures, in a sequence, an iterator, an object array or a pandas Series.
        columns: name to n numbers in any container (see `predictors.inputs`), or a DataFrame. They are taken by
            position; a missing value becomes NaN.
        nodes: name to a Ragged of n rows, or to one list of numbers for each architecture.

    Attributes:
        archs: n architectures.
        columns: name to float64[n]; NaN where there is no answer.
        nodes: name to a Ragged of n rows, one value per operation node; a MappedRagged where they lie in a file.
        labels: what is known of which rows these are, for `require_rows`.

    Warns:
        IndexIgnored: where columns have a pandas index other than 0 to n - 1 and the architectures have none.

    Raises:
        ValueError: when a column or node array does not have n rows or is not made of real numbers, and for columns
            whose pandas indices differ.
        TypeError: for architectures that are no ArchGraph, and for a name that is not text.
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
        """A batch of what another one has converted and checked."""
        batch = cls.__new__(cls)
        columns = {name: read_only(values) for name, values in columns.items()}
        nodes = {name: rows.read_only() for name, rows in nodes.items()}
        batch.__dict__.update(
            archs=archs, columns=Frozen(columns, _CHANGE), nodes=Frozen(nodes, _CHANGE), labels=labels
        )
        return batch

    @classmethod
    def labelled(cls, archs: list[ArchGraph], source: Any) -> ArchBatch:
        """A batch without columns, whose rows are named by the index of `source` where that is a pandas Series."""
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
            key = key[0]  # scikit-learn indexes rows of anything with a shape as array[rows, ...]
        if isinstance(key, (bool, np.bool_)):
            raise IndexError(f"{key} chooses no row; give a number, a mask of {len(self)} values or a slice")
        if isinstance(key, (int, np.integer)):
            return self.archs[_one_row(int(key), len(self))]
        if not isinstance(key, (slice, list)) and getattr(key, "ndim", None) == 0:
            return self.archs[_one_row(operator.index(key), len(self))]
        if is_mask(key):
            self.require_rows(key, "a mask")
        rows = row_numbers(key, len(self))
        consecutive = isinstance(key, slice) and key.step in (None, 1)
        if consecutive and len(rows) == len(self):
            return self  # node arrays in a file stay there
        where = key if consecutive else rows
        return ArchBatch._of(
            archs=[self.archs[row] for row in rows.tolist()],
            columns={name: values[where] for name, values in self.columns.items()},
            nodes={name: ragged.take(where) for name, ragged in self.nodes.items()},
            labels=self.labels.take(rows),
        )

    def column(self, name: str) -> NDArray[np.float64]:
        """One column, float64[n], read-only; raises UnknownName with the nearest name."""
        if name not in self.columns:
            raise unknown_name("column", name, self.columns)
        return self.columns[name]

    def with_columns(self, **columns: ArrayLike) -> ArchBatch:
        """A batch with more columns, or other values for those of the same name; this one stays as it is.

        Warns and raises as the constructor does; a pandas index is compared with that of the columns there are.
        """
        return self.extended(columns)

    def extended(self, columns: Mapping[str, Any], nodes: Mapping[str, Ragged] | None = None) -> ArchBatch:
        """`with_columns` for any names, and with more node arrays."""
        labels = self.labels.joined({f"column {name!r}": values for name, values in columns.items()})
        added = {name: _column(name, values, len(self)) for name, values in columns.items()}
        arrays = {name: _node_array(rows) for name, rows in (nodes or {}).items()}
        for name, rows in arrays.items():
            _require_rows(name, len(rows), len(self))
        return ArchBatch._of(self.archs, {**self.columns, **added}, {**self.nodes, **arrays}, labels)

    def named_by(self, index: Callable[[], Any]) -> ArchBatch:
        """The same batch, whose rows a pandas index names too, so that targets with that index need no warning.

        Args:
            index: gives the index of the n rows; called when targets with an index are first met.
        """
        from predictors.row_labels import Names

        return ArchBatch._of(self.archs, self.columns, self.nodes, replace(self.labels, names=Names(index)))

    def require_rows(self, values: Any, what: str) -> None:
        """Look whether `values`, if they have a pandas index, belong to the rows of this batch.

        Warns:
            IndexIgnored: where their index is other than 0 to n - 1 and the batch has none.

        Raises:
            ValueError: where their index differs from that of the batch's columns.
        """
        self.labels.compare(values, what)


_CHANGE = "batch.with_columns(name=values) gives a batch with another column"


def _listed(archs: Any) -> Sequence[ArchGraph]:
    """Architectures as a sequence that is read by position; one that makes them on use stays as it is."""
    if isinstance(archs, ArchBatch):
        return archs.archs
    if isinstance(archs, (str, bytes, Mapping, Set, ArchGraph)) or not isinstance(archs, Iterable):
        raise TypeError(f"architectures must be a sequence of ArchGraph, not a {type(archs).__name__}")
    if isinstance(archs, Sequence) and not isinstance(archs, (list, tuple)):
        return archs
    found = list(archs)
    for number, arch in enumerate(found):
        if not isinstance(arch, ArchGraph):
            raise TypeError(f"architectures must be ArchGraph; number {number} is a {type(arch).__name__}")
    return found


def _by_name(columns: Any) -> dict[str, Any]:
    """The columns of a mapping or of a table of pandas, Arrow or polars."""
    if isinstance(columns, Mapping):
        found = dict(columns)
    elif hasattr(type(columns), "column_names"):  # Arrow, where `columns` are the values
        found = {name: columns[name] for name in columns.column_names}
    elif hasattr(type(columns), "columns"):
        found = {name: columns[name] for name in columns.columns}
    else:
        raise TypeError(f"columns must be a mapping from names to values, not a {type(columns).__name__}")
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"the name of a column must be text, not {name!r}")
    return found


def _column(name: str, values: Any, n: int) -> NDArray[np.float64]:
    """A column as float64[n] of its own, read-only."""
    from predictors.inputs import as_floats

    found = as_floats(values, f"column {name!r}")
    if found.ndim != 1:
        hint = "; take its only column with [:, 0]" if found.ndim == 2 and found.shape[1] == 1 else ""
        raise InvalidValues(
            f"column {name!r} has shape {found.shape}; it must be one value for each architecture{hint}"
        )
    _require_rows(name, len(found), n)
    return read_only(found.copy())  # also of a read-only view, whose owner may change it


def _node_array(rows: Any) -> Ragged:
    return (rows if isinstance(rows, Ragged) else Ragged.from_rows(rows)).read_only()


def _require_rows(name: str, rows: int, n: int) -> None:
    if rows != n:
        raise InvalidValues(f"column {name!r} has {rows} rows for {n} architectures")


def _one_row(row: int, n: int) -> int:
    if not -n <= row < n:
        raise IndexError(f"row {row} is not one of the {n} architectures")
    return row
