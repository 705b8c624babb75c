"""Graph features over subsets of operations, as in GRAF.

Kadlecova et al., "Surprisingly Strong Performance Prediction with Neural Graph Features", ICML 2024, section 3:
operation counts; the length of the shortest input-output path that uses only operations in a subset; the largest
number of operations in a subset on one path; and the numbers of operations in a subset that the input feeds, that feed
the output, and that are next to an average node. The paper defines them for cells with operations on edges or on nodes;
here they are defined for nodes, and architectures with operations on edges are given as line graphs.
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

    The operation counts are followed, for each subset A of operations (and each output, for features of paths), by:

    - the smallest number of operations on a path from an input to the output with all operations in A; if there is no
      such path, one more than the node count of the largest training graph;
    - the largest number of operations in A on any path from an input to the output;
    - the number of operations in A that the inputs feed, and the number that feed the output;
    - the mean and maximum over nodes of the number of operations in A that feed them, and that they feed.

    Fixed operations (`Roles`) belong to no subset, may occur on any path and are not counted. Operations missing from
    the training set belong to no subset.

    Args:
        limit: maximum number of subsets. If there are more, whole sizes are taken as long as they fit, in the order
            one operation, all, all but one, two, all but two and so on.
    """

    def __init__(self, limit: int = 64) -> None:
        self.limit = limit

    def _learn(self, X: ArchBatch) -> None:
        self.roles_ = roles(X.archs)
        self.subsets_ = subsets(len(self.roles_.choices), self.limit)
        self.nodes_ = max((len(arch) for arch in X), default=0)

    def _rows(self, X: ArchBatch) -> Floats:
        if self.nodes_ == 0:  # architectures that are described by columns alone
            return np.empty((len(X), 0))
        parts = [self._part(part) for part in chunks(X.archs, max(1, len(self.subsets_)))]
        return np.concatenate(parts)

    def _part(self, archs: Sequence[ArchGraph]) -> Floats:
        graphs = padded(archs, self.roles_.number)
        number = self.roles_.number
        choices = len(self.roles_.choices)
        table = np.zeros((len(self.subsets_), len(number) + 1), dtype=bool)  # the last column is for label -1
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
    """Non-empty subsets of range(n), by size, in the order described in `GraphFeatures`."""
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
    """For each end, float32[s, n]: smallest number of nodes not `free` on a path of `passable` nodes to that end.

    Args:
        graphs: n graphs of m nodes.
        passable: bool[m, s, n], the nodes that a path may use, for each of s queries.
        free: bool[m, n], nodes that are not counted.
        ends: bool[m, n] each.
        absent: the result if there is no path.
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
    """For each end, float32[s, n]: largest number of `counted` nodes (bool[m, s, n]) on a path to it, 0 if no path."""
    most = np.zeros(counted.shape, dtype=np.float32)
    for node in range(len(counted)):
        before, feeds = graphs.before(node)
        most[node] = (feeds * most[before]).max(axis=0, initial=0.0) + counted[node]
    return [(end[:, None] * most).max(axis=0, initial=0.0) for end in ends]


def _degrees(graphs: PaddedGraphs, counted: Bools, ends: Sequence[Bools]) -> list[NDArray[np.float32]]:
    """float32[s, n] each: counts next to sources and ends, then mean and maximum over nodes, incoming and outgoing."""
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
