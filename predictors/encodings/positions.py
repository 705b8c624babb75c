"""Encodings node by node: the operation at each position, and the positions that feed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from predictors.arch import ArchBatch
from predictors.encodings.base import VaryingColumns
from predictors.encodings.flat import FlatGraphs, flatten

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _Positions(VaryingColumns):
    def _learn(self, X: ArchBatch) -> None:
        self.labels_ = sorted({op for arch in X for op in arch.ops})
        self.nodes_ = max((len(arch) for arch in X), default=0)

    def _flat(self, X: ArchBatch) -> FlatGraphs:
        return flatten(X.archs, {label: index for index, label in enumerate(self.labels_)})

    def _edges(self, flat: FlatGraphs) -> NDArray[np.float64]:
        """float64[n, nodes * nodes], 1 for an edge; edges beyond the positions of the training set are dropped."""
        n, m = len(flat.offsets) - 1, self.nodes_
        graph, place = flat.graph_of_node, flat.position
        rows = np.zeros((n, m, m))
        kept = (place[flat.sources] < m) & (place[flat.targets] < m)
        sources, targets = flat.sources[kept], flat.targets[kept]
        rows[graph[sources], place[sources], place[targets]] = 1.0
        return rows.reshape(n, m * m)


class Adjacency(_Positions):
    """The adjacency matrix, one column for each pair of positions, and the number of each position's operation.

    Operations are numbered alphabetically, as in the "adjacency categorical" encoding of White et al., "A Study on
    Encodings for Neural Architecture Search", 2020, section 3. -1 means an operation missing from the training set,
    -2 a missing node.
    """

    def _rows(self, X: ArchBatch) -> NDArray[np.float64]:
        flat = self._flat(X)
        ops = np.full((len(X), self.nodes_), -2.0)
        kept = flat.position < self.nodes_
        ops[flat.graph_of_node[kept], flat.position[kept]] = flat.labels[kept]
        return np.concatenate([self._edges(flat), ops], axis=1)


class OneHot(_Positions):
    """For each node position, its operation (one-hot), predecessors and attributes; then operation counts.

    Positions and operations missing from the training set are ignored in new architectures. Numeric node attributes
    are not scaled. Columns that are constant in the training set are dropped.
    """

    def _learn(self, X: ArchBatch) -> None:
        super()._learn(X)
        self.attributes_ = sorted({name for arch in X for name, _ in arch.attrs})

    def _rows(self, X: ArchBatch) -> NDArray[np.float64]:
        n, m, k = len(X), self.nodes_, len(self.labels_)
        flat = self._flat(X)
        kept = (flat.labels >= 0) & (flat.position < m)
        graph, place, label = flat.graph_of_node[kept], flat.position[kept], flat.labels[kept]
        ops = np.zeros((n, m, k))
        ops[graph, place, label] = 1.0
        return np.concatenate(
            [ops.reshape(n, m * k), self._edges(flat), self._attributes(X).reshape(n, -1), ops.sum(axis=1)], axis=1
        )

    def _attributes(self, X: ArchBatch) -> NDArray[np.float64]:
        """float64[n, attributes, nodes], 0 where the value is missing."""
        number = {name: index for index, name in enumerate(self.attributes_)}
        rows = np.zeros((len(X), len(number), self.nodes_))
        if number:
            for row, arch in enumerate(X):
                for name, values in arch.attrs:
                    if name in number:
                        fitting = values[: self.nodes_]
                        rows[row, number[name], : len(fitting)] = fitting
        return rows
