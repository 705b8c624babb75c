"""Node arrays of a batch as one array of places and proxies, scaled by the training part, in small chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from predictors.arch import ArchBatch, Ragged
from predictors.base import Architectures, Parameters, as_batch
from predictors.encodings.nodes import node_totals, one_a_node, require_nodes, widely_known_nodes
from predictors.errors import MissingInput, unknown_name

Floats = NDArray[np.float64]
Supply = Callable[[ArchBatch], ArchBatch]

SCALES = ("log", "log-minmax", "minmax")
NODES = "nodes:"
_AT_ONCE = 2**22  # values of a chunk, so that an array that is memory-mapped never is in memory whole
_FAR = 5.0  # deviations beyond which a value says no more
_LARGEST = 1e300  # size of a value, so that a range does not overflow
_MARGIN = 0.2  # of the range of the training part, by which a value may lie outside


class NoNodeStatistics(MissingInput):
    """Architectures without the node arrays that a predictor reads."""


@dataclass(frozen=True)
class NodeValues:
    """Scaled statistics of n architectures.

    Attributes:
        values: float32[n, places, proxies]; 0 where there is no value.
        mask: bool[n, places]; whether the architecture has a node there, of which any proxy says something.
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)


class NodeScale(Parameters):
    """Each proxy at each place (node index) on the scale of the training part.

    Architectures may have different numbers of nodes: the places are those of the longest one of the training part, and
    a mask says which an architecture has. One that is longer still is drawn in: neighbouring nodes share a place, where
    their mean stands. A place that fewer than two architectures of the training part have is scaled by all places.

    Args:
        proxies: names of node arrays, with or without "nodes:", also as one text, "snip+synflow"; None for all that
            at least one in ten of the training part have.
        scale: "log" for sign(v) log(1 + |v|) at mean 0 and deviation 1, cut at 5 deviations; "minmax" for
            (v - low) / (high - low), as the paper has it; "log-minmax" for that of the logarithm. Both are cut a fifth
            of the range beyond it.

    Attributes:
        names_: of the node arrays.
        places_: how many.

    Raises:
        NoNodeStatistics: for a batch without node arrays.
        UnknownName: for a scale or node array that does not exist, with the nearest.
    """

    def __init__(self, proxies: str | Sequence[str] | None = None, scale: str = "log") -> None:
        self.proxies = proxies
        self.scale = scale

    def fit(self, X: ArchBatch) -> Self:
        if self.scale not in SCALES:
            raise unknown_name("scale of node statistics", self.scale, SCALES)
        self.names_ = self._chosen(X)
        self.places_ = max(1, *(int(np.diff(X.nodes[name].offsets).max(initial=0)) for name in self.names_))
        shape = self.places_, len(self.names_)
        count, total, squares = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
        for chunk in self.chunks(X):
            values = np.stack([self._values(chunk, name) for name in self.names_], axis=2)
            known = ~np.isnan(values)
            count += known.sum(axis=0)
            if self.scale == "log":  # squares of values that are not logarithms may overflow, and nobody needs them
                filled = np.where(known, values, 0.0)
                total += filled.sum(axis=0)
                squares += np.square(filled).sum(axis=0)
            low = np.minimum(low, np.where(known, values, np.inf).min(axis=0, initial=np.inf))
            high = np.maximum(high, np.where(known, values, -np.inf).max(axis=0, initial=-np.inf))
        if self.scale == "log":
            self._by_moments(count, total, squares)
        else:
            self._by_range(count, low, high)
        return self

    def transform(self, X: ArchBatch) -> NodeValues:
        """The statistics of all architectures of X, which should be a few.

        Raises:
            UnknownName: when X lacks node arrays that the training part had; NoNodeStatistics when it has none.
        """
        self.require(X)
        limits = (-_FAR, _FAR) if self.scale == "log" else (-_MARGIN, 1 + _MARGIN)
        scaled = np.empty((len(X), self.places_, len(self.names_)), dtype=np.float32)
        mask = np.zeros((len(X), self.places_), dtype=bool)
        for proxy, name in enumerate(self.names_):
            values = self._values(X, name)
            values -= self.centre_[:, proxy]
            values *= self.weight_[:, proxy]
            missing = np.isnan(values)
            mask |= ~missing
            np.clip(values, *limits, out=values)
            values[missing] = 0.0
            scaled[:, :, proxy] = values
        return NodeValues(scaled, mask)

    def totals(self, X: ArchBatch) -> Floats:
        """The sum over all nodes for each proxy, as sign(v) log(1 + |v|), float64[n, proxies]; NaN where it has none.

        What a proxy is without parametrisation. Read chunk by chunk.
        """
        self.require(X)
        parts = [node_totals(chunk, self.names_) for chunk in self.chunks(X)]
        return np.concatenate([np.empty((0, len(self.names_))), *parts])

    def chunks(self, X: ArchBatch) -> Iterator[ArchBatch]:
        """X in parts that are small enough to be read into memory."""
        rows = max(1, _AT_ONCE // (self.places_ * len(self.names_)))
        for start in range(0, len(X), rows):
            yield X[start : start + rows]

    def _chosen(self, X: ArchBatch) -> list[str]:
        if not X.nodes:
            raise NoNodeStatistics(
                "these architectures have no node arrays (nodes:snip, ...): take a batch that has them, such as "
                "bench.batch('computed'), make them with proxybench compute, or give the predictor "
                "statistics=FUNCTION, which adds them to a batch"
            )
        if self.proxies is None:
            return widely_known_nodes(X) or sorted(X.nodes)
        chosen = self.proxies.split("+") if isinstance(self.proxies, str) else self.proxies
        names = [name if name.startswith(NODES) else NODES + name for name in chosen if name]
        for name in names:
            if name not in X.nodes:
                raise unknown_name("node array", name, sorted(X.nodes))
        if not names:
            raise NoNodeStatistics("no proxies are chosen; name some of: " + ", ".join(sorted(X.nodes)))
        return names

    def require(self, X: ArchBatch) -> None:
        """Raises as `transform` does."""
        if not X.nodes:
            self._chosen(X)
        require_nodes(X, self.names_)

    def _values(self, X: ArchBatch, name: str) -> Floats:
        """Values of a proxy before scaling, float64[n, places]; NaN where there is none."""
        values = _at_places(X.nodes[name], self.places_)
        if self.scale != "minmax":
            signed = torch.from_numpy(values)  # whose logarithms take half as long as NumPy's
            torch.copysign(signed.abs().log1p_(), signed, out=signed)
        else:
            np.clip(values, -_LARGEST, _LARGEST, out=values)
        return values

    def _by_moments(self, count: Floats, total: Floats, squares: Floats) -> None:
        few = count < 2
        count, total, squares = (np.where(few, one.sum(axis=0), one) for one in (count, total, squares))
        self.centre_ = total / np.maximum(count, 1)
        deviation = np.sqrt(np.maximum(squares / np.maximum(count, 1) - self.centre_**2, 0))
        self.weight_ = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-6)

    def _by_range(self, count: Floats, low: Floats, high: Floats) -> None:
        few = count < 2
        low, high = np.where(few, low.min(axis=0), low), np.where(few, high.max(axis=0), high)
        self.centre_ = np.where(np.isfinite(low), low, 0.0)
        width = np.where(np.isfinite(low), high - self.centre_, 0.0)
        self.weight_ = np.divide(1.0, width, out=np.zeros_like(width), where=width > np.finfo(np.float64).tiny)


def with_statistics(X: Architectures, supply: Supply | None) -> ArchBatch:
    """X as an ArchBatch, with node arrays from `supply` where it has none."""
    batch = as_batch(X)
    return supply(batch) if supply is not None and not batch.nodes else batch


def _at_places(nodes: Ragged, places: int) -> Floats:
    """Node i of an architecture at place i, float64[n, places]; those of longer ones drawn in, by their mean."""
    lengths = np.diff(nodes.offsets)
    values = one_a_node(nodes)
    if (lengths == places).all():
        return values.reshape(len(nodes), places)
    row = np.repeat(np.arange(len(nodes)), lengths)
    place = np.arange(len(values)) - nodes.offsets[row]
    longer = lengths[row] > places
    if not longer.any():
        found = np.full((len(nodes), places), np.nan)
        found[row, place] = values
        return found
    place = np.where(longer, place * places // np.maximum(lengths[row], 1), place)
    known = ~np.isnan(values)
    where = row[known] * places + place[known]
    count = np.bincount(where, minlength=len(nodes) * places)
    total = np.bincount(where, weights=values[known], minlength=len(nodes) * places)
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return np.asarray(mean.reshape(len(nodes), places))
