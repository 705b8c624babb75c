"""Live operations: those on a path from input to output, also assuming that one kind of operation blocks paths.

It is not known here which operation has no output (NAS-Bench-201's `none`). So each one in turn is assumed to block
paths, and the learner finds out which of the resulting counts are informative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from predictors.arch import ArchBatch, ArchGraph
from predictors.encodings.base import VaryingColumns
from predictors.encodings.flat import PaddedGraphs, chunks, padded
from predictors.encodings.roles import roles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]


class LiveCounts(VaryingColumns):
    """With no operation blocked and with each one blocked: live operations of each kind, and log(1 + paths).

    A node is live if it is on a path from an input to an output without blocked nodes. Columns that are constant in
    the training set are dropped.

    Args:
        limit: maximum number of operations assumed to block; if there are more, the first in alphabetical order.
    """

    def __init__(self, limit: int = 16) -> None:
        self.limit = limit

    def _learn(self, X: ArchBatch) -> None:
        self.roles_ = roles(X.archs)

    def _rows(self, X: ArchBatch) -> NDArray[np.float64]:
        blocked = min(self.limit, len(self.roles_.choices))
        parts = [self._part(part, blocked) for part in chunks(X.archs, blocked + 1)]
        return np.concatenate(parts)

    def _part(self, archs: Sequence[ArchGraph], blocked: int) -> NDArray[np.float64]:
        graphs = padded(archs, self.roles_.number)
        passable = np.stack([graphs.present & (graphs.labels != label) for label in (-2, *range(blocked))], axis=1)
        live, paths = live_nodes(graphs, passable)
        counts = [(live & (graphs.labels == label)[:, None]).sum(axis=0) for label in range(len(self.roles_.choices))]
        return np.concatenate([*counts, np.log1p(paths)]).T.astype(np.float64)


def live_nodes(graphs: PaddedGraphs, passable: Bools) -> tuple[Bools, NDArray[np.float64]]:
    """Nodes on a path of `passable` nodes from a source to a sink, and the number of these paths.

    Args:
        graphs: n graphs of m nodes.
        passable: bool[m, s, n], for each of s queries.

    Returns:
        bool[m, s, n] and float64[s, n].
    """
    ways_to, ways_from = np.zeros(passable.shape), np.zeros(passable.shape)
    for node in range(len(passable)):
        before, feeds = graphs.before(node)
        ways_to[node] = ((feeds * ways_to[before]).sum(axis=0) + graphs.is_source[node]) * passable[node]
    for node in reversed(range(len(passable))):
        after, feeds = graphs.after(node)
        ways_from[node] = ((feeds * ways_from[after]).sum(axis=0) + graphs.is_sink[node]) * passable[node]
    return (ways_to > 0) & (ways_from > 0), (ways_to * graphs.is_sink[:, None]).sum(axis=0)
