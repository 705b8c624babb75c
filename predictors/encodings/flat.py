"""The graphs of a batch as arrays: nodes and edges end to end, or padded to one size in topological order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from predictors.arch import ArchGraph
from predictors.errors import InvalidGraph

if TYPE_CHECKING:
    import numpy as np
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
        import numpy as np

        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def position(self) -> NDArray[np.int64]:
        """int64[nodes], each node's place in its graph."""
        import numpy as np

        return np.arange(self.offsets[-1]) - self.offsets[self.graph_of_node]


@dataclass(frozen=True)
class PaddedGraphs:
    """n graphs of at most m nodes, in an order in which every edge goes from an earlier to a later node.

    Attributes:
        labels: int64[n, m], number of the operation; -1 where it is not in the vocabulary or there is no node.
        present: bool[n, m], whether there is a node.
        edges: bool[n, m, m], edges[i, u, v] for an edge from u to v.
        is_source, is_sink: bool[n, m], nodes that nothing feeds, that feed nothing.
    """

    labels: NDArray[np.int64]
    present: NDArray[np.bool_]
    edges: NDArray[np.bool_]
    is_source: NDArray[np.bool_]
    is_sink: NDArray[np.bool_]


def flatten(archs: Sequence[ArchGraph], number: Mapping[str, int]) -> FlatGraphs:
    """Graphs end to end, nodes in the order that each graph has them; `number` is the vocabulary."""
    import numpy as np

    offsets = np.concatenate([[0], np.cumsum([len(arch.ops) for arch in archs], dtype=np.int64)])
    labels = np.array([number.get(op, -1) for arch in archs for op in arch.ops], dtype=np.int64)
    ends = np.array([edge for arch in archs for edge in arch.edges], dtype=np.int64).reshape(-1, 2)
    first = np.repeat(offsets[:-1], [len(arch.edges) for arch in archs])
    return FlatGraphs(labels, offsets, ends[:, 0] + first, ends[:, 1] + first)


def padded(archs: Sequence[ArchGraph], number: Mapping[str, int]) -> PaddedGraphs:
    """Graphs in topological order, padded to the largest.

    Raises:
        InvalidGraph: for a graph with a cycle.
    """
    import numpy as np

    flat = flatten([topological(arch) for arch in archs], number)
    n, m = len(archs), int(np.diff(flat.offsets).max(initial=0))
    graph, place = flat.graph_of_node, flat.position
    labels = np.full((n, m), -1, dtype=np.int64)
    present = np.zeros((n, m), dtype=bool)
    edges = np.zeros((n, m, m), dtype=bool)
    labels[graph, place] = flat.labels
    present[graph, place] = True
    edges[graph[flat.sources], place[flat.sources], place[flat.targets]] = True
    return PaddedGraphs(labels, present, edges, present & ~edges.any(axis=1), present & ~edges.any(axis=2))


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
