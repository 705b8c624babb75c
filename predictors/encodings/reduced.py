"""Graphs without what cannot matter: nodes that pass nothing on, and nodes on no path from input to output.

Cells that differ only there are one function (6,466 of the 15,625 cells of NAS-Bench-201 are different ones; Ying et
al., "NAS-Bench-101", ICML 2019, section 2.1 prunes in the same way).
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

BLOCKING = ("none", "zero", "zeroize")  # spellings in use of what passes nothing on,
TRANSPARENT = ("skip_connect", "identity", "skip")  # and of what passes on what it gets
DEAD = "dead"

Edges = tuple[tuple[int, int], ...]


class Reduced(Parameters):
    """Another encoding, of the reduced graphs.

    Args:
        encoding: the encoding; stays unfitted, the fitted copy is `encoding_`.
        blocking: operations that pass nothing on.
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
    """The graph with every blocking node, and every node on no path around them, labelled `DEAD` and without edges.

    Nodes keep their places. Ends of the graph that no path joins keep their labels and lose their edges. A graph
    without a node that feeds or is fed is all ends and comes back as it is.
    """
    pruning = _pruning(arch, blocking)
    if pruning.is_whole:
        return arch
    ops = list(arch.ops)
    for node in pruning.dead:
        ops[node] = DEAD
    return ArchGraph.unchecked(arch.space, tuple(ops), pruning.edges, arch.attrs)


def has_dead_operations(arch: ArchGraph, blocking: Collection[str] = BLOCKING) -> bool:
    """Whether an operation that is fed and feeds, and is not itself blocking, is on no path around those that are."""
    return _pruning(arch, blocking).has_dead_operations


def is_constant(arch: ArchGraph, blocking: Collection[str] = BLOCKING) -> bool:
    """Whether the graph has edges and none of them is on a path around blocking nodes: its output sees no input."""
    return bool(arch.edges) and not _pruning(arch, blocking).edges


class _Pruning(NamedTuple):
    """What is left of a graph.

    Attributes:
        dead: nodes that lose their labels.
        edges: those between live nodes.
        is_whole: whether that is all of it.
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
    """Operations by position, counted paths past skips, live operations and graph features, all of reduced graphs."""
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
