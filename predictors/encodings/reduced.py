"""Reduced graphs: without nodes that block their input, and without nodes on no path from input to output.

Cells with equal reduced graphs compute the same function (the 15,625 cells of NAS-Bench-201 have 6,466 distinct ones).
Ying et al., "NAS-Bench-101", ICML 2019, section 2.1, prune in the same way.
"""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Self

from predictors.arch import ArchBatch, ArchGraph
from predictors.base import Parameters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from predictors.encodings.base import Encoding

BLOCKING = ("none", "zero", "zeroize")  # common names of operations that block their input,
TRANSPARENT = ("skip_connect", "identity", "skip")  # and of operations that pass it on unchanged
DEAD = "dead"

Edges = tuple[tuple[int, int], ...]


class Reduced(Parameters):
    """Applies another encoding to the reduced graphs.

    Args:
        encoding: the encoding; it stays unfitted, and the fitted copy is `encoding_`.
        blocking: operations that block their input.
    """

    def __init__(self, encoding: Encoding, blocking: tuple[str, ...] = BLOCKING) -> None:
        self.encoding = encoding
        self.blocking = blocking

    def fit(self, X: ArchBatch) -> Self:
        from predictors.encodings.base import widths

        graphs = self._reduced(X)
        self.encoding_ = deepcopy(self.encoding).fit(graphs)
        self.widths_ = widths(self.encoding_, graphs)
        return self

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        return self.encoding_.transform(self._reduced(X))

    def _reduced(self, X: ArchBatch) -> ArchBatch:
        return replace(X, archs=[reduced(arch, self.blocking) for arch in X])


def reduced(arch: ArchGraph, blocking: Collection[str] = BLOCKING) -> ArchGraph:
    """The graph with all blocking nodes, and all nodes on no path that avoids them, labelled `DEAD` and without edges.

    Nodes keep their positions. Inputs and outputs that no path connects keep their labels but lose their edges. A graph
    without edges is returned unchanged unless it has blocking nodes.
    """
    pruning = _pruning(arch, blocking)
    if pruning.is_whole:
        return arch
    ops = list(arch.ops)
    for node in pruning.dead:
        ops[node] = DEAD
    return ArchGraph.unchecked(arch.space, tuple(ops), pruning.edges, arch.attrs)


def has_dead_operations(arch: ArchGraph, blocking: Collection[str] = BLOCKING) -> bool:
    """Whether a non-blocking operation with incoming and outgoing edges is on no path that avoids blocking nodes."""
    return _pruning(arch, blocking).has_dead_operations


def is_constant(arch: ArchGraph, blocking: Collection[str] = BLOCKING) -> bool:
    """Whether the output does not depend on the input: there are edges, but none on a path without blocking nodes."""
    return bool(arch.edges) and not _pruning(arch, blocking).edges


class _Pruning(NamedTuple):
    """The result of pruning a graph.

    Attributes:
        dead: nodes that lose their labels.
        edges: the remaining edges, between live nodes.
        is_whole: whether nothing was pruned.
        has_dead_operations: as in the function of this name.
    """

    dead: tuple[int, ...]
    edges: Edges
    is_whole: bool
    has_dead_operations: bool


def _pruning(arch: ArchGraph, blocking: Collection[str]) -> _Pruning:
    return _pruned(arch.edges, tuple([op in blocking for op in arch.ops]))


@lru_cache(maxsize=65536)  # the cells of a space share few wirings
def _pruned(edges: Edges, blocked: tuple[bool, ...]) -> _Pruning:
    nodes = range(len(blocked))
    before: list[list[int]] = [[] for _ in nodes]
    after: list[list[int]] = [[] for _ in nodes]
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    down = _reached([node for node in nodes if not before[node]], after, blocked)
    up = _reached([node for node in nodes if not after[node]], before, blocked)
    live = down & up
    dead = tuple(node for node in nodes if node not in live and (blocked[node] or (before[node] and after[node])))
    left = tuple(edge for edge in edges if live.issuperset(edge))
    is_whole = not dead and len(left) == len(edges)
    return _Pruning(dead, left, is_whole, any(not blocked[node] for node in dead))


def _reached(start: list[int], following: list[list[int]], blocked: tuple[bool, ...]) -> set[int]:
    seen: set[int] = set()
    waiting = list(start)
    while waiting:
        node = waiting.pop()
        if node not in seen and not blocked[node]:
            seen.add(node)
            waiting += following[node]
    return seen


def reduced_graph() -> Reduced:
    """Operations by position, path counts that ignore skips, live operations and graph features of reduced graphs."""
    from predictors.encodings.base import Joined
    from predictors.encodings.graph_features import GraphFeatures
    from predictors.encodings.live import LiveCounts
    from predictors.encodings.once import Once
    from predictors.encodings.paths import Paths
    from predictors.encodings.positions import OneHot

    parts: list[Encoding] = [OneHot(), Paths(counts=True, transparent=TRANSPARENT), LiveCounts(), GraphFeatures()]
    return Reduced(Once(Joined(parts)))


def reduced_counts() -> Reduced:
    """Weisfeiler-Lehman counts of reduced graphs."""
    from predictors.encodings.once import Once
    from predictors.encodings.weisfeiler_lehman import WeisfeilerLehman

    return Reduced(Once(WeisfeilerLehman()))
