"""Architectures as dense padded tensors, the input of graph predictors; fitted on the training set alone.

Graphs of neural architectures have few nodes, and many share their edges. Data that depends only on the edges is
computed once for each distinct edge set and looked up; operations, attributes and columns are kept per architecture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from predictors.arch import ArchBatch, ArchGraph
from predictors.encodings import Encoding
from predictors.encodings.reduced import BLOCKING, DEAD, reduced
from predictors.graph.topology import POSITIONS, Edges, Topology, topology

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Topologies:
    """t distinct edge sets with nodes in topological order, padded to m nodes.

    Attributes:
        adjacency: float32[t, m, m]; [., i, j] is 1 if node i feeds node j.
        relation: int8[t, m, m], see `topology.Topology`.
        position: float32[t, m, POSITIONS + k], with the k Laplacian eigenvectors last.
        mask: bool[t, m], False for padding.
    """

    adjacency: Tensor
    relation: Tensor
    position: Tensor
    mask: Tensor


@dataclass(frozen=True)
class GraphBatch:
    """n architectures.

    Attributes:
        ops: int64[n, m], number of the operation of each node; the last number means unknown.
        attributes: float32[n, m, a], scaled.
        columns: float32[n, c], scaled.
        which: int64[n], number of the topology of each architecture.
        topologies: the distinct topologies.
    """

    ops: Tensor
    attributes: Tensor
    columns: Tensor
    which: Tensor
    topologies: Topologies

    def __len__(self) -> int:
        return len(self.ops)

    def __getitem__(self, rows: Tensor) -> GraphBatch:
        return GraphBatch(self.ops[rows], self.attributes[rows], self.columns[rows], self.which[rows], self.topologies)

    def distinct(self) -> tuple[GraphBatch, Tensor]:
        """The distinct graphs (ignoring columns), and int64[n], the number of each architecture's graph among them.

        The columns of a distinct graph are those of the first architecture that has it.
        """
        numbers = self.attributes.flatten(1).view(torch.int32)
        keys = torch.cat([self.which[:, None], self.ops, numbers], dim=1).numpy()
        rows = np.ascontiguousarray(keys).view(np.dtype((np.void, keys.dtype.itemsize * keys.shape[1])))[:, 0]
        _, first, which = np.unique(rows, return_index=True, return_inverse=True)
        return self[torch.from_numpy(first)], torch.from_numpy(which)

    def first_nodes(self, nodes: int) -> GraphBatch:
        """The same batch with room for `nodes` nodes; no graph may have more."""
        cut = Topologies(
            self.topologies.adjacency[:, :nodes, :nodes],
            self.topologies.relation[:, :nodes, :nodes],
            self.topologies.position[:, :nodes],
            self.topologies.mask[:, :nodes],
        )
        return GraphBatch(self.ops[:, :nodes], self.attributes[:, :nodes], self.columns, self.which, cut)

    @cached_property
    def adjacency(self) -> Tensor:
        """float32[n, m, m]."""
        return self.topologies.adjacency[self.which]

    @cached_property
    def relation(self) -> Tensor:
        """int64[n, m, m]."""
        return self.topologies.relation[self.which].long()

    @cached_property
    def position(self) -> Tensor:
        """float32[n, m, POSITIONS + k]."""
        return self.topologies.position[self.which]

    @cached_property
    def mask(self) -> Tensor:
        """bool[n, m]."""
        return self.topologies.mask[self.which]


class Padding:
    """Converts an ArchBatch to a GraphBatch.

    Operations missing from the training set share one extra number, and missing attributes are replaced by the mean of
    the training set.

    Args:
        rows: encoding of a batch as rows of numbers, the columns of the GraphBatch; fitted here. None for no rows.
        eigenvectors: number of Laplacian eigenvectors.
        reduce: whether nodes that have no effect are left out, see `live_part`.
    """

    def __init__(self, rows: Encoding | None = None, eigenvectors: int = 0, reduce: bool = True) -> None:
        self.rows = rows
        self.eigenvectors = eigenvectors
        self.reduce = reduce

    def fit(self, X: ArchBatch) -> Self:
        archs = self._graphs(X)
        self.ops_ = {op: number for number, op in enumerate(sorted({op for arch in archs for op in arch.ops}))}
        values: dict[str, list[float]] = {}
        for arch in archs:
            for name, of_nodes in arch.attrs:
                values.setdefault(name, []).extend(of_nodes)
        self.attributes_ = {name: Scaling().fit(np.array(values[name])[:, None]) for name in sorted(values)}
        if self.rows is not None:
            self.rows.fit(X)
        self.columns_ = Scaling().fit(self._rows(X))
        return self

    @property
    def positions(self) -> int:
        """The number of positional features of a node."""
        return POSITIONS + self.eigenvectors

    def transform(self, X: ArchBatch) -> GraphBatch:
        """Convert a batch. Raises UnknownName if X lacks columns that the training set had."""
        archs = self._graphs(X)
        sizes = np.array([len(arch) for arch in archs])
        there = np.arange(sizes.max(initial=1)) < sizes[:, None]
        edges, order, which, topologies = self._topologies(archs, there.shape[1])
        unknown = len(self.ops_)
        ops = np.full(there.shape, unknown, dtype=np.int64)
        ops[there] = [self.ops_.get(op, unknown) for op in chain.from_iterable(arch.ops for arch in archs)]
        attributes = np.zeros((*there.shape, len(self.attributes_)), dtype=np.float32)
        for index, (name, scaling) in enumerate(self.attributes_.items()):
            of_nodes = [dict(arch.attrs).get(name) for arch in archs]
            known = there & np.array([one is not None for one in of_nodes], dtype=bool)[:, None]
            values = np.array([value for one in of_nodes for value in one or ()], dtype=np.float64)
            attributes[known, index] = scaling.transform(values[:, None])[:, 0]
        return GraphBatch(
            torch.from_numpy(np.take_along_axis(ops, order[edges], axis=1)),
            torch.from_numpy(np.take_along_axis(attributes, order[edges][..., None], axis=1)),
            torch.from_numpy(self.columns_.transform(self._rows(X))),
            torch.from_numpy(which[edges]),
            topologies,
        )

    def _graphs(self, X: ArchBatch) -> Sequence[ArchGraph]:
        return [live_part(arch) for arch in X] if self.reduce else X.archs

    def _rows(self, X: ArchBatch) -> FloatArray:
        return np.empty((len(X), 0)) if self.rows is None else self.rows.transform(X)

    def _topologies(
        self, archs: Sequence[ArchGraph], nodes: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Topologies]:
        """The edge set of each architecture, int64[n]; the node order of each edge set, int64[e, m]; its topology.

        Edge sets that are equal after ordering the nodes share a topology.
        """
        numbers: dict[tuple[int, Edges], int] = {}
        edges_of = [numbers.setdefault((len(arch), arch.edges), len(numbers)) for arch in archs]
        order = np.tile(np.arange(nodes), (len(numbers), 1))
        found: dict[tuple[int, bytes], Topology] = {}
        keys = []
        for (size, edges), number in numbers.items():
            one = topology(size, edges, self.eigenvectors)
            order[number, :size] = one.order
            keys.append((size, one.adjacency.tobytes()))
            found.setdefault(keys[-1], one)
        places = {key: place for place, key in enumerate(found)}
        which = np.array([places[key] for key in keys], dtype=np.int64)
        return np.array(edges_of, dtype=np.int64), order, which, self._tables(list(found.values()), nodes)

    def _tables(self, topologies: Sequence[Topology], nodes: int) -> Topologies:
        count = len(topologies)
        mask = np.zeros((count, nodes), dtype=bool)
        adjacency = np.zeros((count, nodes, nodes), dtype=np.float32)
        relation = np.zeros((count, nodes, nodes), dtype=np.int8)
        position = np.zeros((count, nodes, self.positions), dtype=np.float32)
        for number, one in enumerate(topologies):
            size = len(one.order)
            mask[number, :size] = True
            adjacency[number, :size, :size] = one.adjacency
            relation[number, :size, :size] = one.relation
            position[number, :size] = np.concatenate([one.position, one.laplacian], axis=1)
        return Topologies(*(torch.from_numpy(table) for table in (adjacency, relation, position, mask)))


def live_part(arch: ArchGraph) -> ArchGraph:
    """The graph without nodes that block their input, and without nodes that are then on no path through it.

    BRP-NAS prunes in this way before its convolutions. Inputs and outputs are kept, even if the graph is fully blocked.
    """
    kept, edges = _live_nodes(len(arch), arch.edges, tuple([op in BLOCKING for op in arch.ops]))
    if len(kept) == len(arch):
        return arch
    return ArchGraph.unchecked(
        arch.space,
        tuple([arch.ops[node] for node in kept]),
        edges,
        tuple((name, tuple(values[node] for node in kept)) for name, values in arch.attrs),
    )


@lru_cache(maxsize=65536)
def _live_nodes(nodes: int, edges: Edges, blocked: tuple[bool, ...]) -> tuple[tuple[int, ...], Edges]:
    """The nodes that are kept, and the edges between them, renumbered."""
    marked = reduced(ArchGraph("", tuple(BLOCKING[0] if is_blocked else "" for is_blocked in blocked), edges))
    kept = tuple(node for node in range(nodes) if marked.ops[node] != DEAD)
    place = {node: index for index, node in enumerate(kept)}
    return kept, tuple((place[source], place[target]) for source, target in marked.edges)


_LARGEST = 1e300  # magnitude up to which the mean of two values does not overflow


class Scaling:
    """Scales columns for a network: non-finite values to the median, signed logarithm, standardisation.

    Each column with non-finite values in the training set gets an extra column that marks them. Values are clipped at
    5 standard deviations. All statistics are from the training set.
    """

    def fit(self, rows: FloatArray) -> Self:
        missing = ~np.isfinite(rows)
        self.gaps_ = missing.any(axis=0)
        known = np.where(missing, np.nan, np.clip(rows, -_LARGEST, _LARGEST))
        empty = missing.all(axis=0)
        self.median_ = np.zeros(rows.shape[1])
        self.median_[~empty] = np.nanmedian(known[:, ~empty], axis=0) if len(rows) else 0.0
        values = self._logarithms(rows)
        self.mean_, deviation = values.mean(axis=0), values.std(axis=0)
        # Rounding may give a constant column a standard deviation just above 0.
        self.deviation_ = np.where(deviation > 1e-9 * (1 + np.abs(self.mean_)), deviation, 1.0)
        return self

    def transform(self, rows: FloatArray) -> NDArray[np.float32]:
        """float32[n, c + columns with gaps]."""
        scaled = self._logarithms(rows)
        scaled -= self.mean_
        scaled /= self.deviation_
        np.clip(scaled, -5, 5, out=scaled)
        return np.concatenate([scaled, ~np.isfinite(rows[:, self.gaps_])], axis=1, dtype=np.float32)

    def _logarithms(self, rows: FloatArray) -> FloatArray:
        """Signed logarithms of the filled rows, in a new array; computed in place, since there may be many rows."""
        filled = np.where(np.isfinite(rows), rows, self.median_)
        signed = torch.from_numpy(filled)  # torch's logarithm takes half as long as NumPy's
        torch.copysign(signed.abs().log1p_(), signed, out=signed)
        return filled
