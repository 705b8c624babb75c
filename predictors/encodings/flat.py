"""The graphs of a batch as arrays: nodes and edges end to end, or padded to one size in topological order."""

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
    """n graphs end to end; nodes are counted over all of them.

    Attributes:
        labels: int64[nodes], number of each node's operation; -1 for one that is not in the vocabulary.
        offsets: int64[n + 1]: graph i has the nodes offsets[i] to offsets[i + 1].
        sources, targets: int64[edges], the nodes that edges join.
    """

    labels: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]

    @property
    def graph_of_node(self) -> NDArray[np.int64]:
        """int64[nodes], the graph that each node is of."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def position(self) -> NDArray[np.int64]:
        """int64[nodes], each node's place in its graph."""
        return np.arange(self.offsets[-1]) - self.offsets[self.graph_of_node]


@dataclass(frozen=True)
class PaddedGraphs:
    """n graphs of at most m nodes, in an order in which every edge goes from an earlier to a later node.

    Graphs are the last axis, so that what is done with one node of all graphs runs over memory in its order.

    Attributes:
        labels: int64[m, n], number of the operation; -1 where it is not in the vocabulary or there is no node.
        present: bool[m, n], whether there is a node.
        edges: bool[m, m, n], edges[u, v, i] for an edge from u to v in graph i.
        is_source, is_sink: bool[m, n], nodes that nothing feeds, that feed nothing.
    """

    labels: NDArray[np.int64]
    present: NDArray[np.bool_]
    edges: NDArray[np.bool_]
    is_source: NDArray[np.bool_]
    is_sink: NDArray[np.bool_]

    def before(self, node: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The k nodes that feed this one in any graph, int64[k], and in which graphs they do, bool[k, 1, n]."""
        nodes = np.flatnonzero(self.edges[:node, node].any(axis=1))
        return nodes, self.edges[nodes, node][:, None]

    def after(self, node: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The k nodes that this one feeds in any graph, int64[k], and in which graphs it does, bool[k, 1, n]."""
        nodes = node + 1 + np.flatnonzero(self.edges[node, node + 1 :].any(axis=1))
        return nodes, self.edges[node, nodes][:, None]


def flatten(archs: Sequence[ArchGraph], number: Mapping[str, int]) -> FlatGraphs:
    """Graphs end to end, nodes in the order that each graph has them; `number` is the vocabulary."""
    offsets = np.concatenate([[0], np.cumsum([len(arch.ops) for arch in archs], dtype=np.int64)])
    ops = chain.from_iterable([arch.ops for arch in archs])
    labels = np.fromiter(map(number.get, ops, repeat(-1)), dtype=np.int64, count=offsets[-1])
    edges = [arch.edges for arch in archs]
    ends = np.fromiter(chain.from_iterable(chain.from_iterable(edges)), dtype=np.int64).reshape(-1, 2)
    first = np.repeat(offsets[:-1], [len(of_graph) for of_graph in edges])
    return FlatGraphs(labels, offsets, ends[:, 0] + first, ends[:, 1] + first)


def padded(archs: Sequence[ArchGraph], number: Mapping[str, int]) -> PaddedGraphs:
    """Graphs in topological order, padded to the largest.

    Raises:
        InvalidGraph: for a graph with a cycle.
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
    """Parts of a batch, such that `values_of_pair` numbers for each pair of nodes of a part fit into some 64 MB."""
    largest = max((len(arch) for arch in archs), default=1)
    size = max(1, 8_000_000 // max(1, largest * largest * values_of_pair))
    return (archs[start : start + size] for start in range(0, len(archs), size))


def topological(arch: ArchGraph) -> ArchGraph:
    """The graph itself where every edge goes forward, or with its nodes in an order in which they do.

    Raises:
        InvalidGraph: for a graph with a cycle.
    """
    if all(source < target for source, target in arch.edges):
        return arch
    order = topological_order(len(arch), arch.edges)
    place = {node: index for index, node in enumerate(order)}
    edges = tuple((place[source], place[target]) for source, target in arch.edges)
    attrs = tuple((name, tuple(values[node] for node in order)) for name, values in arch.attrs)
    return ArchGraph(arch.space, tuple(arch.ops[node] for node in order), edges, attrs)


def topological_order(nodes: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Node numbers, each after all that feed it, lower numbers first where that leaves a choice.

    Raises:
        InvalidGraph: for a graph with a cycle.
    """
    from graphlib import CycleError, TopologicalSorter

    sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(nodes), ()))
    for source, target in edges:
        sorter.add(target, source)
    try:
        sorter.prepare()
    except CycleError as error:
        raise InvalidGraph(
            f"the graph has a cycle through nodes {error.args[1]}; encodings need acyclic ones"
        ) from None
    order: list[int] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order
