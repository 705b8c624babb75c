"""Path encoding: the sequences of operations on paths from an input to an output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np

from predictors.arch import ArchBatch, ArchGraph
from predictors.base import Parameters
from predictors.encodings.flat import topological_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

Edges = tuple[tuple[int, int], ...]


class Paths(Parameters):
    """One column for each sequence of operations on a path from a source to a sink of the graph.

    The value is 1 if the graph has the path, else 0, as in White et al., "BANANAS", AAAI 2021, section 4, whose
    truncation keeps the most likely paths. Here these are the most frequent ones in the training set.

    Args:
        truncate: number of paths to keep; among equally frequent paths, shorter ones first, then alphabetically.
        counts: whether to count how often the graph has the path, rather than only whether it does.
        transparent: operations that pass on their input unchanged; they are left out of the sequences, so that a path
            through one of them equals a path that bypasses it.
        most: maximum number of paths followed per graph, in depth-first order; for graphs with millions of paths.
    """

    def __init__(
        self, truncate: int = 512, counts: bool = False, transparent: tuple[str, ...] = (), most: int = 2000
    ) -> None:
        self.truncate = truncate
        self.counts = counts
        self.transparent = transparent
        self.most = most

    def fit(self, X: ArchBatch) -> Self:
        frequency = Counter(path for arch in X for path in set(self._paths(arch)))
        by_frequency = sorted(frequency, key=lambda path: (-frequency[path], len(path), path))
        kept = [path for path in by_frequency if self.counts or frequency[path] < len(X)][: self.truncate]
        self.column_ = {path: column for column, path in enumerate(kept)}
        return self

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        width = len(self.column_)
        places = (
            row * width + self.column_[path]
            for row, arch in enumerate(X)
            for path in self._paths(arch)
            if path in self.column_
        )
        counts = np.zeros(len(X) * width)
        np.add.at(counts, np.fromiter(places, dtype=np.int64), 1.0)
        rows = counts.reshape(len(X), width)
        return rows if self.counts else np.minimum(rows, 1.0)

    def _paths(self, arch: ArchGraph) -> Iterator[tuple[str, ...]]:
        ops, hidden = arch.ops, self.transparent
        for path in _node_paths(len(arch), arch.edges, self.most):
            yield tuple([ops[node] for node in path if ops[node] not in hidden])


@lru_cache(maxsize=4096)  # the cells of a space share few wirings
def _node_paths(nodes: int, edges: Edges, most: int) -> list[tuple[int, ...]]:
    """At most `most` paths from a node without predecessors to one without successors.

    Raises:
        InvalidGraph: for a graph with a cycle.
    """
    topological_order(nodes, edges)
    following: list[list[int]] = [[] for _ in range(nodes)]
    for source, target in edges:
        following[source].append(target)
    fed = {target for _, target in edges}
    paths: list[tuple[int, ...]] = []
    open_paths: list[tuple[int, ...]] = [(node,) for node in reversed(range(nodes)) if node not in fed]
    while open_paths and len(paths) < most:
        path = open_paths.pop()
        if not following[path[-1]]:
            paths.append(path)
        open_paths += [(*path, node) for node in sorted(following[path[-1]], reverse=True)]
    return paths
