"""What depends only on the edges of a graph: topological order, relations of nodes, structural positions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Edges = tuple[tuple[int, int], ...]

APART, SELF, FEEDS, FED_BY, BEFORE, AFTER = range(6)
RELATIONS = 6
WALKS = 4
POSITIONS = 8 + WALKS


@dataclass(frozen=True)
class Topology:
    """The edges of one graph, with its nodes in topological order.

    Attributes:
        order: int64[m], the original number of the node at each position; nodes of a cycle keep their given order.
        adjacency: bool[m, m]; [i, j] is True if node i feeds node j.
        relation: int8[m, m]; relation of node i to node j: APART, SELF, FEEDS, FED_BY, or BEFORE or AFTER on a path.
        position: float32[m, POSITIONS]; does not depend on how nodes are numbered.
        laplacian: float32[m, k]; eigenvectors of the symmetrised graph; signs and bases are arbitrary.
    """

    order: NDArray[np.int64]
    adjacency: NDArray[np.bool_]
    relation: NDArray[np.int8]
    position: NDArray[np.float32]
    laplacian: NDArray[np.float32]


@lru_cache(maxsize=16384)  # the cells of a space share few edge sets, and one network after another needs them
def topology(nodes: int, edges: Edges, eigenvectors: int = 0) -> Topology:
    """Compute the topology of a graph.

    Args:
        nodes: number of nodes, m.
        edges: pairs (source, target).
        eigenvectors: number of Laplacian eigenvectors, k; padded with zeros if the graph has fewer.
    """
    order = _topological_order(nodes, edges)
    place = np.argsort(order)
    adjacency = np.zeros((nodes, nodes), dtype=bool)
    for source, target in edges:
        adjacency[place[source], place[target]] = True
    paths = _closure(adjacency)
    return Topology(
        order=order,
        adjacency=adjacency,
        relation=_relation(adjacency, paths),
        position=_position(adjacency, paths),
        laplacian=_laplacian(adjacency, eigenvectors),
    )


def _topological_order(nodes: int, edges: Edges) -> NDArray[np.int64]:
    """Kahn's algorithm; a cycle is broken at its first node that is not placed yet."""
    waiting = [0] * nodes
    following: list[list[int]] = [[] for _ in range(nodes)]
    for source, target in edges:
        waiting[target] += 1
        following[source].append(target)
    left, order = list(range(nodes)), []
    while left:
        node = next((node for node in left if waiting[node] == 0), left[0])
        left.remove(node)
        order.append(node)
        for target in following[node]:
            waiting[target] -= 1
    return np.array(order, dtype=np.int64)


def _closure(adjacency: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[i, j] is True if there is a path from i to j."""
    paths, before = adjacency, None
    while before is None or (paths != before).any():
        before = paths
        paths = before | (before @ before)
    return paths


def _relation(adjacency: NDArray[np.bool_], paths: NDArray[np.bool_]) -> NDArray[np.int8]:
    relation = np.full(adjacency.shape, APART, dtype=np.int8)
    relation[paths.T] = AFTER
    relation[paths] = BEFORE
    relation[adjacency.T] = FED_BY
    relation[adjacency] = FEEDS
    np.fill_diagonal(relation, SELF)
    return relation


def _position(adjacency: NDArray[np.bool_], paths: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Depth from the sources and to the sinks, degrees, fractions of nodes before and after, whether source or sink.

    Followed by the probability that a random walk on the undirected graph returns after 1, ..., WALKS steps (Dwivedi et
    al., ICLR 2022).
    """
    nodes = len(adjacency)
    forward = np.triu(adjacency, 1)  # the closing edge of a cycle violates the order and does not count for depth
    depth, height = _longest_paths(forward), _longest_paths(forward[::-1, ::-1].T)[::-1]
    incoming, outgoing = adjacency.sum(axis=0), adjacency.sum(axis=1)
    longest, share = max(1, int(depth.max(initial=0))), max(1, nodes - 1)
    steps = (adjacency | adjacency.T).astype(float)
    steps /= np.maximum(steps.sum(axis=1, keepdims=True), 1)
    walk, returns = np.eye(nodes), []
    for _ in range(WALKS):
        walk = walk @ steps
        returns.append(walk.diagonal())
    columns = [depth / longest, height / longest, np.log1p(incoming), np.log1p(outgoing)]
    columns += [paths.sum(axis=0) / share, paths.sum(axis=1) / share, incoming == 0, outgoing == 0, *returns]
    return np.column_stack(columns).astype(np.float32)


def _longest_paths(forward: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number of edges of the longest path that ends at each node; all edges must go to later nodes."""
    depth = np.zeros(len(forward), dtype=np.int64)
    for node in range(len(forward)):
        depth[node] = (depth[:node][forward[:node, node]] + 1).max(initial=0)
    return depth


def _laplacian(adjacency: NDArray[np.bool_], eigenvectors: int) -> NDArray[np.float32]:
    """Eigenvectors of I - D^-1/2 A D^-1/2 without the first (Dwivedi and Bresson, 2021), float32[m, k]."""
    found = np.zeros((len(adjacency), eigenvectors), dtype=np.float32)
    if eigenvectors:
        either = (adjacency | adjacency.T).astype(float)
        scale = 1 / np.sqrt(np.maximum(either.sum(axis=1), 1))
        _, vectors = np.linalg.eigh(np.eye(len(either)) - scale[:, None] * either * scale)
        vectors = vectors[:, 1 : eigenvectors + 1]
        found[:, : vectors.shape[1]] = vectors
    return found
