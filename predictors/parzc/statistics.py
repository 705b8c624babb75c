"""Node arrays of a batch as one array over places and proxies, scaled on the training set, in small chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from predictors.arch import ArchBatch, Ragged
from predictors.base import Parameters
from predictors.encodings.nodes import node_totals, one_a_node, require_nodes, widely_known_nodes
from predictors.errors import MissingInput, unknown_name

Floats = NDArray[np.float64]
Supply = Callable[[ArchBatch], ArchBatch]

SCALES = ("log", "log-minmax", "minmax")
NODES = "nodes:"
_AT_ONCE = 2**22  # number of values per chunk, so that a memory-mapped array is never completely in memory
_FAR = 5.0  # values are clipped at this many standard deviations
_LARGEST = 1e300  # values are clipped at this magnitude, so that a range does not overflow
_MARGIN = 0.2  # values are clipped beyond the training range by this fraction of it


class NoNodeStatistics(MissingInput):
    """Architectures lack the node arrays that a predictor needs."""


@dataclass(frozen=True)
class NodeValues:
    """Scaled statistics of n architectures.

    Attributes:
        values: float32[n, places, proxies]; 0 where the value is missing.
        mask: bool[n, places]; whether the architecture has a node there with a value for at least one proxy.
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)


class NodeScale(Parameters):
    """Scales each proxy at each place (node index) on the training set.

    Architectures may have different numbers of nodes: there are as many places as nodes in the largest training
    architecture, and a mask marks those that an architecture has. Larger architectures are compressed: neighbouring
    nodes share a place, which gets their mean. Places that fewer than two training architectures have are scaled by the
    statistics of all places.

    Args:
        proxies: names of node arrays, with or without "nodes:", or joined as one text, "snip+synflow"; None for all
            that at least one in ten training architectures have.
        scale: "log" for sign(v) log(1 + |v|), standardised and clipped at 5 standard deviations; "minmax" for
            (v - low) / (high - low), as in the paper; "log-minmax" for the same of the logarithm. The latter two are
            clipped at a fifth of the range beyond it.

    Attributes:
        names_: names of the node arrays.
        places_: number of places.

    Raises:
        NoNodeStatistics: if the batch has no node arrays.
        UnknownName: if the scale or a node array is unknown; suggests the nearest name.
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
            if self.scale == "log":  # other scales do not need squares, which could overflow without the logarithm
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
        """The statistics of all architectures of X, which should be few.

        Raises:
            UnknownName: if X lacks node arrays that the training set had.
            NoNodeStatistics: if X has no node arrays.
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
        """The sum over all nodes for each proxy, as sign(v) log(1 + |v|), float64[n, proxies]; NaN where missing.

        This is the proxy without parametrisation. Node arrays are read chunk by chunk.
        """
        self.require(X)
        parts = [node_totals(chunk, self.names_) for chunk in self.chunks(X)]
        return np.concatenate([np.empty((0, len(self.names_))), *parts])

    def chunks(self, X: ArchBatch) -> Iterator[ArchBatch]:
        """X in parts that are small enough to read into memory."""
        rows = max(1, _AT_ONCE // (self.places_ * len(self.names_)))
        for start in range(0, len(X), rows):
            yield X[start : start + rows]

    def _chosen(self, X: ArchBatch) -> list[str]:
        if not X.nodes:
            raise NoNodeStatistics(
                "these architectures have no node arrays (nodes:snip, ...): use a batch that has them, such as "
                "bench.batch('computed'), compute them with proxybench compute, or construct the predictor with "
                "supply=FUNCTION, where the function adds them to a batch"
            )
        if self.proxies is None:
            return widely_known_nodes(X) or sorted(X.nodes)
        chosen = self.proxies.split("+") if isinstance(self.proxies, str) else self.proxies
        names = [name if name.startswith(NODES) else NODES + name for name in chosen if name]
        for name in names:
            if name not in X.nodes:
                raise unknown_name("node array", name, sorted(X.nodes))
        if not names:
            raise NoNodeStatistics("no proxies are chosen; choose from: " + ", ".join(sorted(X.nodes)))
        return names

    def require(self, X: ArchBatch) -> None:
        """Check that X has the node arrays; raises as `transform` does."""
        if not X.nodes:
            self._chosen(X)
        require_nodes(X, self.names_)

    def _values(self, X: ArchBatch, name: str) -> Floats:
        """Values of a proxy before scaling, float64[n, places]; NaN where missing."""
        values = _at_places(X.nodes[name], self.places_)
        if self.scale != "minmax":
            signed = torch.from_numpy(values)  # torch's logarithm takes half as long as NumPy's
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


def with_statistics(batch: ArchBatch, supply: Supply | None) -> ArchBatch:
    """The batch, with node arrays added by `supply` if it has none."""
    return supply(batch) if supply is not None and not batch.nodes else batch


def _at_places(nodes: Ragged, places: int) -> Floats:
    """Node i of each architecture at place i, float64[n, places]; larger architectures are compressed by averaging."""
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
