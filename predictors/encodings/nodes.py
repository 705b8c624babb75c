"""Statistics of the per-node arrays of a batch (`nodes:snip`), or just their sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from predictors.arch import ArchBatch, Ragged
from predictors.base import Parameters
from predictors.encodings.columns import signed_log, widely_known
from predictors.errors import UnknownName

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NodeStatistics(Parameters):
    """For each node array: sum, mean, standard deviation, minimum, maximum and count of finite values, then the values.

    The values themselves follow only if all training architectures have the same number of them, at most `positions`.
    Results are NaN if an architecture has no finite value, or lacks the position. Arrays that fewer than one in ten
    training architectures have are left out.

    Args:
        log: whether values are first transformed to sign(v) log(1 + |v|).
        positions: maximum number of values per architecture that become columns of their own.

    Raises:
        UnknownName: in `transform`, if the batch lacks a node array of the training set.
    """

    def __init__(self, log: bool = True, positions: int = 128) -> None:
        self.log = log
        self.positions = positions

    def fit(self, X: ArchBatch) -> Self:
        self.names_ = widely_known_nodes(X)
        self.lengths_ = {}
        for name in self.names_:
            lengths = np.unique(np.diff(X.nodes[name].offsets))
            lengths = lengths[lengths > 0]  # an architecture with missing values has length 0
            self.lengths_[name] = int(lengths[0]) if len(lengths) == 1 and lengths[0] <= self.positions else 0
        return self

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        require_nodes(X, self.names_)
        parts = [self._array(X.nodes[name], self.lengths_[name]) for name in self.names_]
        return np.concatenate(parts, axis=1) if parts else np.empty((len(X), 0))

    def _array(self, nodes: Ragged, length: int) -> NDArray[np.float64]:
        values = one_a_node(nodes)
        values = signed_log(values) if self.log else values
        row = np.repeat(np.arange(len(nodes)), np.diff(nodes.offsets))
        place = np.arange(len(values)) - nodes.offsets[row]
        finite = np.isfinite(values)
        at_position = np.full((len(nodes), length), np.nan)
        kept = place < length
        at_position[row[kept], place[kept]] = values[kept]
        return np.concatenate([_statistics(values[finite], row[finite], len(nodes)), at_position], axis=1)


class NodeTotals(Parameters):
    """For each node array, the sum of its finite values (the proxy itself), as sign(v) log(1 + |v|).

    NaN if an architecture has no finite value. Arrays that fewer than one in ten training architectures have are left
    out.

    Raises:
        UnknownName: in `transform`, if the batch lacks a node array of the training set.
    """

    def fit(self, X: ArchBatch) -> Self:
        self.names_ = widely_known_nodes(X)
        return self

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        require_nodes(X, self.names_)
        return node_totals(X, self.names_)


def widely_known_nodes(X: ArchBatch) -> list[str]:
    """Names of the node arrays that enough training architectures have, see `widely_known`."""
    return sorted(name for name in X.nodes if widely_known(np.diff(X.nodes[name].offsets) > 0))


def require_nodes(X: ArchBatch, names: Sequence[str]) -> None:
    """Raise UnknownName if the batch lacks one of the node arrays."""
    missing = [name for name in names if name not in X.nodes]
    if missing:
        raise UnknownName(f"the batch lacks node arrays that the training set had: {', '.join(missing)}")


def one_a_node(nodes: Ragged) -> NDArray[np.float64]:
    """A concatenated copy of the values of all nodes, float64[total]; NaN where not finite."""
    values = np.array(nodes.values, dtype=np.float64)
    if values.ndim > 1:
        values = values.reshape(len(values), int(np.prod(values.shape[1:]))).sum(axis=1)
    values[~np.isfinite(values)] = np.nan
    return values


def node_totals(X: ArchBatch, names: Sequence[str]) -> NDArray[np.float64]:
    """The sums of these node arrays as sign(v) log(1 + |v|), float64[n, names]."""
    return signed_log(np.column_stack([np.empty((len(X), 0)), *(_sums(X.nodes[name]) for name in names)]))


def _sums(nodes: Ragged) -> NDArray[np.float64]:
    """Sum of the known values of each architecture, float64[n]; NaN if there are none or the sum overflows."""
    lengths = np.diff(nodes.offsets)
    values = one_a_node(nodes)
    if len(values) and (lengths == lengths[0]).all():
        grid = values.reshape(len(nodes), lengths[0])
        with np.errstate(over="ignore"):
            total = np.nansum(grid, axis=1)
        return np.where(np.isnan(grid).all(axis=1) | np.isinf(total), np.nan, total)
    row = np.repeat(np.arange(len(nodes)), lengths)
    known = ~np.isnan(values)
    count = np.bincount(row[known], minlength=len(nodes))
    total = np.bincount(row[known], weights=values[known], minlength=len(nodes))
    return np.where((count > 0) & np.isfinite(total), total, np.nan)


def _statistics(values: NDArray[np.float64], row: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Sum, mean, standard deviation, minimum, maximum and count for each of n rows, float64[n, 6]."""
    count = np.bincount(row, minlength=n).astype(np.float64)
    total = np.bincount(row, weights=values, minlength=n).astype(np.float64)  # integers if there are no values
    some = count > 0
    mean = np.divide(total, count, out=np.full(n, np.nan), where=some)
    squares = np.bincount(row, weights=(values - mean[row]) ** 2, minlength=n)
    deviation = np.sqrt(np.divide(squares, count, out=np.full(n, np.nan), where=some))
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, row, values)
    np.maximum.at(high, row, values)
    empty = ~some
    for one in (total, low, high):
        one[empty] = np.nan
    return np.column_stack([total, mean, deviation, low, high, count])
