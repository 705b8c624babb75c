"""All cells of NAS-Bench-101, one per isomorphism class.

First the graphs: every upper-triangular adjacency with at most 9 edges and all vertices on a path from input to output,
as a bit mask, reduced to one mask per class under permutations of the internal vertices. Then the operations: for each
graph, the labelings of its internal vertices that are smallest among their images under its automorphisms. Ying et
al., "NAS-Bench-101", ICML 2019, count 423,624 cells.

The order of the bits and of the labelings follows the published code, so the cell that represents a class is the cell
that was trained. This matters because the split of channels among the output's inputs depends on the vertex numbering.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import TYPE_CHECKING

from proxybench.spaces.nasbench101_hash import INPUT_LABEL, OUTPUT_LABEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_VERTICES = 7
MAX_EDGES = 9


@cache
def vertex_pairs(vertices: int) -> tuple[tuple[int, int], ...]:
    """The (source, target) pair represented by each bit of a mask, bit 0 first: upper triangle, column by column."""
    return tuple((source, target) for target in range(vertices) for source in range(target))


def graph_masks(vertices: int) -> NDArray[np.int64]:
    """One bit mask for each isomorphism class of unlabelled cells, the smallest of its class, ascending."""
    import numpy as np

    pairs = vertex_pairs(vertices)
    masks = np.arange(2 ** len(pairs), dtype=np.int64)
    edges = sum((masks >> bit & 1 for bit in range(len(pairs))), start=np.zeros_like(masks))
    masks = masks[edges <= MAX_EDGES]
    for vertex in range(vertices):
        ins = sum(1 << bit for bit, (_, target) in enumerate(pairs) if target == vertex)
        outs = sum(1 << bit for bit, (source, _) in enumerate(pairs) if source == vertex)
        if vertex > 0:
            masks = masks[masks & ins != 0]
        if vertex < vertices - 1:
            masks = masks[masks & outs != 0]
    certificates = np.min([_renumbered(masks, order) for order in internal_orders(vertices)], axis=0)
    _, first = np.unique(certificates, return_index=True)
    return np.sort(masks[first])


@cache
def internal_orders(vertices: int) -> tuple[tuple[int, ...], ...]:
    """All renumberings of the vertices that keep input and output in place."""
    return tuple((0, *order, vertices - 1) for order in permutations(range(1, vertices - 1)))


def _renumbered(masks: NDArray[np.int64], order: tuple[int, ...]) -> NDArray[np.int64]:
    """The adjacency after renumbering, as V*V bits because it may no longer be upper-triangular."""
    import numpy as np

    vertices = len(order)
    moved = np.zeros_like(masks)
    for bit, (source, target) in enumerate(vertex_pairs(vertices)):
        moved |= (masks >> bit & 1) << (order[source] * vertices + order[target])
    return moved


def digit_weights(vertices: int) -> tuple[int, ...]:
    """The weight of each internal vertex's operation in an operation code."""
    return tuple(3**position for position in reversed(range(vertices - 2)))


def labelings(mask: int, vertices: int) -> NDArray[np.int64]:
    """The distinct choices of operations for the internal vertices of a graph, ascending.

    A choice is a number in base 3 with the operation of vertex 1 as its highest digit.
    """
    import numpy as np

    internal = vertices - 2
    codes = np.arange(3**internal, dtype=np.int64)
    weights = digit_weights(vertices)
    digits = codes[:, None] // weights % 3
    edges = {pair for bit, pair in enumerate(vertex_pairs(vertices)) if mask >> bit & 1}
    least = codes.copy()
    for order in internal_orders(vertices):
        if all((order[source], order[target]) in edges for source, target in edges):
            moved = np.zeros_like(codes)
            for vertex in range(internal):
                moved += digits[:, vertex] * weights[order[vertex + 1] - 1]
            np.minimum(least, moved, out=least)
    return np.compress(least == codes, codes)


def cells(vertices: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Masks and operation codes of all distinct cells with this many vertices, one element per cell."""
    import numpy as np

    masks = graph_masks(vertices)
    codes = [labelings(int(mask), vertices) for mask in masks]
    return np.repeat(masks, [len(part) for part in codes]), np.concatenate(codes)


def unpacked(
    masks: NDArray[np.int64], codes: NDArray[np.int64], vertices: int
) -> tuple[NDArray[np.bool_], NDArray[np.int8]]:
    """Adjacency bool[n, V, V] and labels int8[n, V] of packed cells."""
    import numpy as np

    adjacency = np.zeros((len(masks), vertices, vertices), dtype=bool)
    for bit, (source, target) in enumerate(vertex_pairs(vertices)):
        adjacency[:, source, target] = masks >> bit & 1
    labels = np.empty((len(masks), vertices), dtype=np.int8)
    labels[:, 0], labels[:, -1] = INPUT_LABEL, OUTPUT_LABEL
    labels[:, 1:-1] = codes[:, None] // digit_weights(vertices) % 3
    return adjacency, labels
