"""Converts between the architectures of a space and graphs of equal size; unused nodes are `absent`.

An architecture with fewer nodes than the largest keeps its last node, the output, in the last position. In the other
direction, absent nodes are removed with their edges; a NAS-Bench-101 cell is then pruned, as in its official code. The
space decides whether the result is one of its architectures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from predictors.arch import ArchGraph
from proxybench.errors import InvalidArchitecture
from proxybench.spaces import EnumerableSpace, SearchSpace, get_space

ABSENT = "absent"


def placed(arch: ArchGraph, nodes: int) -> ArchGraph:
    """`arch` padded to `nodes` nodes: absent nodes, without edges and with attributes 0, are inserted before the last.

    Raises:
        InvalidArchitecture: for an architecture with more than `nodes` nodes.
    """
    missing = nodes - len(arch)
    if missing < 0:
        raise InvalidArchitecture(f"an architecture with {len(arch)} nodes does not fit into {nodes} nodes")
    if missing == 0:
        return arch
    last = len(arch) - 1
    number = [*range(last), nodes - 1]
    return ArchGraph(
        arch.space,
        (*arch.ops[:last], *[ABSENT] * missing, arch.ops[last]),
        tuple(sorted((number[source], number[target]) for source, target in arch.edges)),
        tuple((name, (*values[:last], *[0.0] * missing, values[last])) for name, values in arch.attrs),
    )


def taken(graph: ArchGraph, space: SearchSpace) -> ArchGraph | None:
    """The architecture of the space represented by a graph with absent nodes; None if there is no such architecture."""
    kept = [node for node, op in enumerate(graph.ops) if op != ABSENT]
    arch = graph if len(kept) == len(graph) else _without_absent(graph, kept)
    if space.name == "nasbench101":
        from proxybench.spaces.nasbench101_graph import pruned

        cell = pruned(arch.ops, arch.edges) if len(arch) > 1 else None
        if cell is None:
            return None
        arch = ArchGraph(arch.space, *cell)
    try:
        space.format(arch)
    except (InvalidArchitecture, LookupError, ValueError):
        return None
    return arch


def _without_absent(graph: ArchGraph, kept: Sequence[int]) -> ArchGraph:
    number = {node: place for place, node in enumerate(kept)}
    return ArchGraph(
        graph.space,
        tuple(graph.ops[node] for node in kept),
        tuple((number[s], number[t]) for s, t in graph.edges if s in number and t in number),
        tuple((name, tuple(values[node] for node in kept)) for name, values in graph.attrs),
    )


def population(space: SearchSpace, most: int = 100_000, seed: int = 0) -> list[ArchGraph]:
    """The architectures to learn from: all if there are at most `most`, otherwise a uniform sample."""
    if isinstance(space, EnumerableSpace) and len(space) <= most:
        return list(space)
    return space.sample(most, seed)


def left_out(space: str, archs: Iterable[ArchGraph]) -> list[bool]:
    """For each architecture, whether it is in the held-out half of its space, by the first digit of its digest.

    Architectures with the same digest are in the same half, and the halves cannot be distinguished by operations.
    """
    digest = get_space(space).digest
    return [digest(arch)[0] in "13579bdf" for arch in archs]
