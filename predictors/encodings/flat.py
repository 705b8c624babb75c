"""The graphs of a batch as arrays: nodes and edges concatenated, or padded to one size in topological order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING

import numpy as np

from predictors.arch import ArchGraph
from predictors.errors import InvalidGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class FlatGraphs:
    """n graphs concatenated; nodes are numbered across all of them.

    Attributes:
        labels: int64[nodes], number of each node's operation; -1 if it is not in the vocabulary.
        offsets: int64[n + 1]; graph i has the nodes offsets[i] to offsets[i + 1] (exclusive).
        sources, targets: int64[edges], the end nodes of each edge.
    """

    labels: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]

    @property
    def graph_of_node(self) -> NDArray[np.int64]:
        """int64[nodes], the graph of each node."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def position(self) -> NDArray[np.int64]:
        """int64[nodes], each node's position in its graph."""
        return np.arange(self.offsets[-1]) - self.offsets[self.graph_of_node]


@dataclass(frozen=True)
class PaddedGraphs:
    """n graphs of at most m nodes, in topological order: every edge goes from an earlier to a later node.

    Graphs are the last axis, so that operations on one node of all graphs access contiguous memory.

    Attributes:
        labels: int64[m, n], number of the operation; -1 if it is not in the vocabulary or the node is missing.
        present: bool[m, n], whether the graph has this node.
        edges: bool[m, m, n], edges[u, v, i] for an edge from u to v in graph i.
        is_source, is_sink: bool[m, n], nodes without incoming edges, and nodes without outgoing edges.
    """

    labels: NDArray[np.int64]
    present: NDArray[np.bool_]
    edges: NDArray[np.bool_]
    is_source: NDArray[np.bool_]
    is_sink: NDArray[np.bool_]

    def before(self, node: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The k nodes that feed this one in any graph, int64[k], and the graphs where they do, bool[k, 1, n]."""
        nodes = np.flatnonzero(self.edges[:node, node].any(axis=1))
        return nodes, self.edges[nodes, node][:, None]

    def after(self, node: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The k nodes that this one feeds in any graph, int64[k], and the graphs where it does, bool[k, 1, n]."""
        nodes = node + 1 + np.flatnonzero(self.edges[node, node + 1 :].any(axis=1))
        return nodes, self.edges[node, nodes][:, None]


def flatten(archs: Sequence[ArchGraph], number: Mapping[str, int]) -> FlatGraphs:
    """Concatenate graphs, keeping each graph's node order; `number` is the vocabulary."""
    offsets = np.concatenate([[0], np.cumsum([len(arch.ops) for arch in archs], dtype=np.int64)])
    ops = chain.from_iterable([arch.ops for arch in archs])
    labels = np.fromiter(map(number.get, ops, repeat(-1)), dtype=np.int64, count=offsets[-1])
    edges = [arch.edges for arch in archs]
    ends = np.fromiter(chain.from_iterable(chain.from_iterable(edges)), dtype=np.int64).reshape(-1, 2)
    first = np.repeat(offsets[:-1], [len(of_graph) for of_graph in edges])
    return FlatGraphs(labels, offsets, ends[:, 0] + first, ends[:, 1] + first)


def padded(archs: Sequence[ArchGraph], number: Mapping[str, int]) -> PaddedGraphs:
    """Graphs in topological order, padded to the size of the largest.

    Raises:
        InvalidGraph: if a graph has a cycle.
    """
    flat = flatten(archs, number)
    if (flat.sources > flat.targets).any():
        flat = flatten([topological(arch) for arch in archs], number)
    n, m = len(archs), int(np.diff(flat.offsets).max(initial=0))
    graph, place = flat.graph_of_node, flat.position
    labels = np.full((m, n), -1, dtype=np.int64)
    present = np.zeros((m, n), dtype=bool)
    edges = np.zeros((m, m, n), dtype=bool)
    labels[place, graph] = flat.labels
    present[place, graph] = True
    edges[place[flat.sources], place[flat.targets], graph[flat.sources]] = True
    return PaddedGraphs(labels, present, edges, present & ~edges.any(axis=0), present & ~edges.any(axis=1))


def chunks(archs: Sequence[ArchGraph], values_of_pair: int) -> Iterator[Sequence[ArchGraph]]:
    """Parts of a batch, so small that `values_of_pair` numbers for each pair of nodes take about 64 MB at most."""
    largest = max((len(arch) for arch in archs), default=1)
    size = max(1, 8_000_000 // max(1, largest * largest * values_of_pair))
    return (archs[start : start + size] for start in range(0, len(archs), size))


def topological(arch: ArchGraph) -> ArchGraph:
    """The graph with its nodes in topological order; the graph itself if they already are.

    Raises:
        InvalidGraph: if the graph has a cycle.
    """
    if all(source < target for source, target in arch.edges):
        return arch
    order = topological_order(len(arch), arch.edges)
    place = {node: index for index, node in enumerate(order)}
    edges = tuple((place[source], place[target]) for source, target in arch.edges)
    attrs = tuple((name, tuple(values[node] for node in order)) for name, values in arch.attrs)
    return ArchGraph(arch.space, tuple(arch.ops[node] for node in order), edges, attrs)


def topological_order(nodes: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Node numbers, each after all nodes that feed it; ties are broken by the lower number.

    Raises:
        InvalidGraph: if the graph has a cycle.
    """
    from graphlib import CycleError, TopologicalSorter

    sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(nodes), ()))
    for source, target in edges:
        sorter.add(target, source)
    try:
        sorter.prepare()
    except CycleError as error:
        raise InvalidGraph(
            f"the graph has a cycle through nodes {error.args[1]}; encodings need acyclic graphs"
        ) from None
    order: list[int] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order
