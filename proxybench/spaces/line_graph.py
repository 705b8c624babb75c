"""Cells with operations on edges: their line graphs, and expressions of what they compute.

A cell has nodes 0 (input) to n (output) and an edge between every pair; cell edges are sorted by target, then by
source: (0,1) (0,2) (1,2) (0,3) (1,3) (2,3).
"""

from __future__ import annotations

from collections.abc import Sequence

CellEdges = tuple[tuple[int, int], ...]
FOUR_NODE_CELL: CellEdges = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


def line_graph_edges(cell_edges: CellEdges) -> tuple[tuple[int, int], ...]:
    """Edges of the line graph of a cell: input 0, one node per cell edge, output last.

    Cell edge (a, b) feeds every cell edge (b, c); edges from cell node 0 are fed by the input, and edges to the last
    cell node feed the output.
    """
    last = max(target for _, target in cell_edges)
    output = len(cell_edges) + 1
    edges = []
    for node, (source, target) in enumerate(cell_edges, start=1):
        if source == 0:
            edges.append((0, node))
        if target == last:
            edges.append((node, output))
        edges += [(node, other) for other, (start, _) in enumerate(cell_edges, start=1) if start == target]
    return tuple(sorted(edges))


def cell_expression(
    cell_edges: CellEdges, operations: Sequence[str], zero: Sequence[bool], identity: Sequence[bool]
) -> str:
    """The cell's output as a sum of terms over its input `0`.

    The simplification of NAS-Bench-201 (Dong and Yang, ICLR 2020, appendix A): an identity passes its input
    through; a zero operation, or anything applied to the zero `#`, is zero; the terms of a sum are sorted.

    Args:
        cell_edges: by target, then by source.
        operations: label of each edge.
        zero: whether the operation of an edge is the zero operation.
        identity: whether the operation of an edge is the identity.
    """
    states = ["0"]
    terms: list[str] = []
    for (source, target), op, is_zero, is_identity in zip(cell_edges, operations, zero, identity, strict=True):
        if target > len(states):
            states.append("+".join(sorted(terms)))
            terms = []
        if is_zero or states[source] == "#":
            terms.append("#")
        elif is_identity:
            terms.append(states[source])
        else:
            terms.append(f"({states[source]})@{op}")
    return "+".join(sorted(terms))
