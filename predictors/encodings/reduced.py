"""Graphs without what cannot matter: nodes that pass nothing on, and nodes on no path from input to output.

Cells that differ only there are one function (6,466 of the 15,625 cells of NAS-Bench-201 are different ones; Ying et
al., "NAS-Bench-101", ICML 2019, section 2.1 prunes in the same way).
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from predictors.arch import ArchBatch, ArchGraph
from predictors.base import Parameters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from predictors.encodings.base import Encoding

BLOCKING = ("none", "zero", "zeroize")  # spellings in use of what passes nothing on,
TRANSPARENT = ("skip_connect", "identity", "skip")  # and of what passes on what it gets
DEAD = "dead"


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


def reduced(arch: ArchGraph, blocking: Iterable[str] = BLOCKING) -> ArchGraph:
    """The graph with every blocking node, and every node on no path around them, labelled `DEAD` and without edges.

    Nodes keep their places. Ends of the graph that no path joins keep their labels and lose their edges. A graph
    without a node that feeds or is fed is all ends and comes back as it is.
    """
    kept, edges = _kept(len(arch), arch.edges, tuple([op in blocking for op in arch.ops]))
    if all(kept) and len(edges) == len(arch.edges):
        return arch
    ops = tuple([op if keep else DEAD for op, keep in zip(arch.ops, kept, strict=True)])
    return ArchGraph(arch.space, ops, edges, arch.attrs)


def has_dead_operations(arch: ArchGraph, blocking: Iterable[str] = BLOCKING) -> bool:
    """Whether an operation that is fed and feeds, and is not itself blocking, is on no path around those that are."""
    blocked = tuple(op in blocking for op in arch.ops)
    live = _live(len(arch), arch.edges, blocked)
    if all(live):
        return False
    fed, feeding = {target for _, target in arch.edges}, {source for source, _ in arch.edges}
    return any(not live[node] and not blocked[node] and node in fed and node in feeding for node in range(len(arch)))


def is_constant(arch: ArchGraph, blocking: Iterable[str] = BLOCKING) -> bool:
    """Whether the graph has edges and none of them is on a path around blocking nodes: its output sees no input."""
    live = _live(len(arch), arch.edges, tuple(op in blocking for op in arch.ops))
    return bool(arch.edges) and not any(live[source] and live[target] for source, target in arch.edges)


@lru_cache(maxsize=65536)
def _kept(
    nodes: int, edges: tuple[tuple[int, int], ...], blocked: tuple[bool, ...]
) -> tuple[tuple[bool, ...], tuple[tuple[int, int], ...]]:
    """Whether each node keeps its label in the reduced graph, and the edges of that."""
    live = _live(nodes, edges, blocked)
    fed, feeding = {target for _, target in edges}, {source for source, _ in edges}
    kept = tuple(live[node] or (not blocked[node] and not (node in fed and node in feeding)) for node in range(nodes))
    return kept, tuple(edge for edge in edges if live[edge[0]] and live[edge[1]])


@lru_cache(maxsize=65536)
def _live(nodes: int, edges: tuple[tuple[int, int], ...], blocked: tuple[bool, ...]) -> tuple[bool, ...]:
    """Whether each node lies on a path of nodes that are not blocked, from an unfed to a feeding-nothing node."""
    before: list[list[int]] = [[] for _ in range(nodes)]
    after: list[list[int]] = [[] for _ in range(nodes)]
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    down = _reached([node for node in range(nodes) if not before[node]], after, blocked)
    up = _reached([node for node in range(nodes) if not after[node]], before, blocked)
    return tuple(node in down and node in up for node in range(nodes))


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
