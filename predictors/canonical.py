"""The canonical form of a small labelled directed graph, and its digest.

Two graphs get the same digest if and only if there is a one-to-one map of their nodes that preserves labels and
edges. Colour refinement (Weisfeiler-Lehman over predecessors and successors) separates almost every node of an
architecture; remaining ties are broken by individualisation and backtracking (McKay and Piperno, "Practical graph
isomorphism, II", 2014), so the result is exact rather than a hash of refinement colours. Groups of tied nodes that
are not connected with each other, such as parallel branches of a cell, are ordered independently, so that k equal
branches cost k steps rather than k!.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

Edges = Sequence[tuple[int, int]]
Certificate = tuple[tuple[str, ...], tuple[tuple[int, int], ...]]
Neighbours = list[list[int]]


def digest(labels: Sequence[str], edges: Edges) -> str:
    """32 hexadecimal digits (BLAKE2b-128), equal if and only if the labelled graphs are isomorphic."""
    return hashlib.blake2b(repr(certificate(labels, edges)).encode(), digest_size=16).hexdigest()


def certificate(labels: Sequence[str], edges: Edges) -> Certificate:
    """Labels in canonical node order, and the edges renumbered to that order and sorted."""
    successors: Neighbours = [[] for _ in labels]
    predecessors: Neighbours = [[] for _ in labels]
    for source, target in edges:
        successors[source].append(target)
        predecessors[target].append(source)
    rank = {label: index for index, label in enumerate(sorted(set(labels)))}
    order = _order([rank[label] for label in labels], predecessors, successors)
    return tuple(labels[node] for node in order), _renumbered(order, successors)


def _order(colours: list[int], predecessors: Neighbours, successors: Neighbours) -> list[int]:
    """The nodes in canonical order: the same for isomorphic coloured graphs, up to automorphisms."""
    refined = _refine(colours, predecessors, successors)
    parts = _tied_parts(refined, predecessors, successors)
    if len(parts) == 1 and len(parts[0]) == len(colours):
        return _order_by_individualising(refined, predecessors, successors)
    arranged = [_arrange_part(part, refined, predecessors, successors) for part in parts]
    place = {}
    for rank, (_, nodes) in enumerate(sorted(arranged, key=lambda part: part[0])):
        place.update({node: (rank, position) for position, node in enumerate(nodes)})
    return sorted(range(len(colours)), key=lambda node: (refined[node], place.get(node)))


def _order_by_individualising(colours: list[int], predecessors: Neighbours, successors: Neighbours) -> list[int]:
    cell = _first_tie(colours)
    # Nodes with equal neighbours are interchangeable: each of them leads to the same certificate.
    twins = all(
        set(predecessors[node]) == set(predecessors[cell[0]]) and set(successors[node]) == set(successors[cell[0]])
        for node in cell
    )
    candidates = cell[:1] if twins else cell
    orders = [_order(_individualise(colours, node), predecessors, successors) for node in candidates]
    return min(orders, key=lambda order: _renumbered(order, successors))


def _arrange_part(
    part: list[int], colours: list[int], predecessors: Neighbours, successors: Neighbours
) -> tuple[tuple[object, ...], list[int]]:
    """A description of the part, equal for isomorphic parts, and its nodes in the order of the description."""
    index = {node: position for position, node in enumerate(part)}
    inner = [
        [[index[other] for other in neighbours[node] if other in index] for node in part]
        for neighbours in (predecessors, successors)
    ]
    order = _order([colours[node] for node in part], *inner)
    nodes = [part[position] for position in order]
    return (tuple(colours[node] for node in nodes), _renumbered(order, inner[1])), nodes


def _refine(colours: list[int], predecessors: Neighbours, successors: Neighbours) -> list[int]:
    """Split colours by the colours of neighbours until nothing changes; ranks do not depend on node numbers."""
    cells = _cells(colours)
    while True:
        split: list[list[int]] = []
        for cell in cells:
            split += [cell] if len(cell) == 1 else _split(cell, colours, predecessors, successors)
        refined = [0] * len(colours)
        for rank, cell in enumerate(split):
            for node in cell:
                refined[node] = rank
        if len(split) in (len(cells), len(colours)):
            return refined
        colours, cells = refined, split


def _split(cell: list[int], colours: list[int], predecessors: Neighbours, successors: Neighbours) -> list[list[int]]:
    """The nodes of one colour, grouped by the colours of their neighbours."""
    parts: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for node in cell:
        before = tuple(sorted([colours[other] for other in predecessors[node]]))
        after = tuple(sorted([colours[other] for other in successors[node]]))
        parts.setdefault((before, after), []).append(node)
    return [parts[key] for key in sorted(parts)]


def _tied_parts(colours: list[int], predecessors: Neighbours, successors: Neighbours) -> list[list[int]]:
    """The connected components of the nodes that share their colour with another node."""
    remaining = {node for cell in _cells(colours) if len(cell) > 1 for node in cell}
    parts = []
    while remaining:
        part, front = [], [remaining.pop()]
        while front:
            node = front.pop()
            part.append(node)
            near = remaining.intersection(predecessors[node] + successors[node])
            remaining -= near
            front += near
        parts.append(part)
    return parts


def _cells(colours: list[int]) -> list[list[int]]:
    """The nodes of each colour, lowest colour first."""
    members: dict[int, list[int]] = {}
    for node, colour in enumerate(colours):
        members.setdefault(colour, []).append(node)
    return [members[colour] for colour in sorted(members)]


def _first_tie(colours: list[int]) -> list[int]:
    """The nodes of the lowest colour that several nodes share."""
    return next(cell for cell in _cells(colours) if len(cell) > 1)


def _individualise(colours: list[int], chosen: int) -> list[int]:
    """Rank `chosen` just before the other nodes of its colour."""
    return [2 * colour + (colour == colours[chosen] and node != chosen) for node, colour in enumerate(colours)]


def _renumbered(order: list[int], successors: Neighbours) -> tuple[tuple[int, int], ...]:
    """All edges as pairs of positions in `order`, sorted."""
    position = {node: index for index, node in enumerate(order)}
    return tuple(sorted((position[node], position[target]) for node in order for target in successors[node]))
