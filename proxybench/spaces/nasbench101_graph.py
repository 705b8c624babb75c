"""Cells as labelled graphs: pruning to the paths from input to output, and elementary changes.

Vertices are numbered 0 (input) to V - 1 (output). A cell is a pair (operations, edges), its edges sorted and each
from a lower to a higher vertex.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxybench.spaces.nasbench101_enumeration import MAX_EDGES, MAX_VERTICES
from proxybench.spaces.nasbench101_hash import OPERATIONS

Edge = tuple[int, int]
Cell = tuple[tuple[str, ...], tuple[Edge, ...]]


def reachable(start: int, edges: Sequence[Edge]) -> set[int]:
    """`start` and every vertex reachable from it by a directed path."""
    found, frontier = {start}, [start]
    while frontier:
        vertex = frontier.pop()
        following = {target for source, target in edges if source == vertex} - found
        found |= following
        frontier += following
    return found


def pruned(ops: Sequence[str], edges: Sequence[Edge]) -> Cell | None:
    """The cell without vertices that are not on a path from the first to the last vertex; None if there is no path.

    The remaining vertices keep their order if it is topological, as in an upper-triangular matrix.
    """
    last = len(ops) - 1
    kept = reachable(0, edges) & reachable(last, [(target, source) for source, target in edges])
    if not {0, last} <= kept:
        return None
    inside = [(source, target) for source, target in edges if source in kept and target in kept]
    number = {vertex: position for position, vertex in enumerate(_topological(kept, inside))}
    renumbered = sorted((number[source], number[target]) for source, target in inside)
    return tuple(ops[vertex] for vertex in number), tuple(renumbered)


def _topological(vertices: set[int], edges: Sequence[Edge]) -> Iterator[int]:
    """The vertices of an acyclic graph in topological order, lower numbers first."""
    waiting = set(vertices)
    while waiting:
        vertex = min(waiting - {target for source, target in edges if source in waiting})
        waiting.remove(vertex)
        yield vertex


def changes(ops: tuple[str, ...], edges: tuple[Edge, ...]) -> Iterator[Cell]:
    """Every cell one elementary change away, pruned; the same cell may occur several times.

    The changes are those of a matrix with seven vertices, some possibly unused by the cell: replace the operation of a
    vertex; remove an edge; add an edge that does not create a cycle; activate an unused vertex by one incoming and one
    outgoing edge.
    """
    last = len(ops) - 1
    for vertex in range(1, last):
        for op in OPERATIONS:
            if op != ops[vertex]:
                yield (*ops[:vertex], op, *ops[vertex + 1 :]), edges
    for edge in edges:
        yield from _within_limits(ops, [other for other in edges if other != edge])
    free = [
        (source, target)
        for target in range(1, last + 1)
        for source in sorted(set(range(last)) - reachable(target, edges))
    ]
    for edge in free:
        if edge not in edges:
            yield from _within_limits(ops, [*edges, edge])
    for source, target in free:
        for op in OPERATIONS:
            yield from _within_limits(
                (*ops[:last], op, ops[last]),
                [*_shifted(edges, last), *_shifted([(source, last + 1), (last + 1, target)], last)],
            )


def _shifted(edges: Sequence[Edge], last: int) -> list[Edge]:
    """Edges after a vertex is inserted before the output: the output `last` and the new `last + 1` swap numbers."""
    number = {last: last + 1, last + 1: last}
    return [(number.get(source, source), number.get(target, target)) for source, target in edges]


def _within_limits(ops: Sequence[str], edges: Sequence[Edge]) -> Iterator[Cell]:
    cell = pruned(ops, edges)
    if cell is not None and len(cell[0]) <= MAX_VERTICES and len(cell[1]) <= MAX_EDGES:
        yield cell
