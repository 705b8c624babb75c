"""Graph features over subsets of operations, in the manner of GRAF.

Kadlecova et al., "Surprisingly Strong Performance Prediction with Neural Graph Features", ICML 2024, section 3:
counts of operations; the shortest path from input to output that uses operations of a subset only; the most
operations of a subset on one path; how many operations of a subset the input feeds, the output is fed by, and a node
has on average on either side. The paper states them for cells with operations on edges or on nodes; here they are
stated for nodes, and architectures with operations on edges come as their line graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from predictors.arch import ArchBatch, ArchGraph
from predictors.encodings.base import VaryingColumns
from predictors.encodings.flat import PaddedGraphs, chunks, padded
from predictors.encodings.roles import roles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


class GraphFeatures(VaryingColumns):
    """Counts of operations, paths and degrees over subsets of operations.

    After the counts of operations there are, for each subset A of operations and, of paths, for each output:

    - the fewest operations on a path from an input to the output with all operations in A; where there is none, one
      more than the training part has nodes;
    - the most operations of A on any path from an input to the output;
    - how many operations of A the inputs feed, and how many feed the output;
    - mean and maximum over nodes of how many operations of A feed them, and of how many they feed.

    Operations that are fixed parts (`Roles`) are in no subset and on every path free. An operation that the training
    part does not have belongs to no subset.

    Args:
        limit: most subsets. All where there are as many or fewer; else, as long as they fit, those of one operation,
            all, all but one, two, all but two and so on.
    """

    def __init__(self, limit: int = 64) -> None:
        self.limit = limit

    def _learn(self, X: ArchBatch) -> None:
        self.roles_ = roles(X.archs)
        self.subsets_ = subsets(len(self.roles_.choices), self.limit)
        self.nodes_ = max((len(arch) for arch in X), default=0)

    def _rows(self, X: ArchBatch) -> Floats:
        parts = [self._part(part) for part in chunks(X.archs, max(1, len(self.subsets_)))]
        return np.concatenate(parts)

    def _part(self, archs: Sequence[ArchGraph]) -> Floats:
        graphs = padded(archs, self.roles_.number)
        number = self.roles_.number
        choices = len(self.roles_.choices)
        table = np.zeros((len(self.subsets_), len(number) + 1), dtype=bool)  # the last column is of label -1
        for row, subset in enumerate(self.subsets_):
            table[row, list(subset)] = True
        fixed = (graphs.labels >= choices) & graphs.present
        chosen = np.stack([table[:, of_node] for of_node in graphs.labels]) & graphs.present[:, None]
        ends = [graphs.is_sink & (graphs.labels == number[end]) for end in self.roles_.ends] or [graphs.is_sink]
        counts = np.stack([(graphs.labels == label).sum(axis=0) for label in range(choices)] or [fixed.sum(axis=0)])
        features = [counts]
        features += shortest(graphs, chosen | fixed[:, None], fixed, ends, absent=float(self.nodes_ + 1))
        features += most_on_path(graphs, chosen, ends)
        features += _degrees(graphs, chosen, ends)
        return np.concatenate(features).T.astype(np.float64)


def subsets(n: int, limit: int) -> list[tuple[int, ...]]:
    """Subsets of range(n) except the empty one, by size, in the order that `GraphFeatures` says."""
    sizes = list(dict.fromkeys(size for small in range(n + 1) for size in (small, n - small) if size))
    if len(sizes) > 1:
        sizes = [1, *(size for size in sizes if size != 1)]
    chosen: list[tuple[int, ...]] = []
    for size in sizes:
        if len(chosen) + comb(n, size) > limit:
            break
        chosen += combinations(range(n), size)
    return chosen


def shortest(
    graphs: PaddedGraphs, passable: Bools, free: Bools, ends: Sequence[Bools], absent: float
) -> list[NDArray[np.float32]]:
    """For each end, float32[s, n]: fewest nodes that are not `free` on a path over `passable` nodes to that end.

    Args:
        graphs: n graphs of m nodes.
        passable: bool[m, s, n], for each of s questions the nodes that a path may use.
        free: bool[m, n].
        ends: bool[m, n] each.
        absent: the answer where there is no path.
    """
    length = np.full(passable.shape, np.inf, dtype=np.float32)
    for node in range(len(passable)):
        before, feeds = graphs.before(node)
        shortest_before = np.where(feeds, length[before], np.inf).min(axis=0, initial=np.inf)
        reached = np.where(graphs.is_source[node], 0.0, shortest_before) + ~free[node]
        length[node] = np.where(passable[node], reached, np.inf)
    found = [np.where(end[:, None], length, np.inf).min(axis=0, initial=np.inf) for end in ends]
    return [np.where(np.isfinite(one), one, absent).astype(np.float32) for one in found]


def most_on_path(graphs: PaddedGraphs, counted: Bools, ends: Sequence[Bools]) -> list[NDArray[np.float32]]:
    """For each end, float32[s, n]: most `counted` nodes (bool[m, s, n]) on any path to that end, 0 without one."""
    most = np.zeros(counted.shape, dtype=np.float32)
    for node in range(len(counted)):
        before, feeds = graphs.before(node)
        most[node] = (feeds * most[before]).max(axis=0, initial=0.0) + counted[node]
    return [(end[:, None] * most).max(axis=0, initial=0.0) for end in ends]


def _degrees(graphs: PaddedGraphs, counted: Bools, ends: Sequence[Bools]) -> list[NDArray[np.float32]]:
    """float32[s, n] each: what sources feed and ends are fed by, then mean and maximum over nodes of either side."""
    member = counted.astype(np.float32)
    fed_by, feeds = np.empty_like(member), np.empty_like(member)
    for node in range(len(member)):
        before, is_fed = graphs.before(node)
        after, is_feeding = graphs.after(node)
        fed_by[node] = (is_fed * member[before]).sum(axis=0)
        feeds[node] = (is_feeding * member[after]).sum(axis=0)
    nodes = np.maximum(graphs.present.sum(axis=0), 1)
    return [
        (feeds * graphs.is_source[:, None]).sum(axis=0),
        *((fed_by * end[:, None]).sum(axis=0) for end in ends),
        fed_by.sum(axis=0) / nodes,
        feeds.sum(axis=0) / nodes,
        fed_by.max(axis=0, initial=0.0),
        feeds.max(axis=0, initial=0.0),
    ]
