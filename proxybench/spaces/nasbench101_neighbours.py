"""The neighbours of many cells of NAS-Bench-101 at once, for searches of the whole space.

All 423,624 cells have 2,493 graphs. The elementary changes of a graph are found once. Compiled loops then apply them to
every list of operations, and find each changed cell by a graph hash like the official one, but of 64 bits, so that MD5
sums are not needed. Importing this module imports numba, and the first call compiles the loops.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchGraph
from proxybench.compiled import compiled
from proxybench.spaces.nasbench101_enumeration import MAX_VERTICES
from proxybench.spaces.nasbench101_graph import Cell, Edge, changes
from proxybench.spaces.nasbench101_hash import OPERATIONS

Integers = NDArray[np.int64]
Hashes = NDArray[np.uint64]

_LABELS = {op: number for number, op in enumerate((*OPERATIONS, "input", "output"))}
_NEW = (
    8  # from this number on, the source of a vertex is a new operation; below, a vertex of the cell before the change
)


def neighbour_table(archs: Sequence[ArchGraph]) -> tuple[Integers, NDArray[np.int32]]:
    """The neighbours of each cell among the others, as `NASBench101.neighbours` defines them.

    Args:
        archs: n cells, no two of them isomorphic.

    Returns:
        starts, int64[n + 1], and others, int32[m]: the neighbours of cell i are others[starts[i] : starts[i + 1]], in
        increasing order.

    Raises:
        ValueError: if two cells have the same hash, so that they are isomorphic or collide.
    """
    count = len(archs)
    groups: dict[tuple[int, tuple[Edge, ...]], list[int]] = defaultdict(list)
    for row, arch in enumerate(archs):
        groups[len(arch), arch.edges].append(row)
    hashes = np.empty(count, dtype=np.uint64)
    for (size, edges), rows in groups.items():
        hashes[rows] = _hashed(_operations(archs, rows), [(_vertices(size), edges)])[:, 0]
    order = np.argsort(hashes)
    ordered = hashes[order]
    if (ordered[1:] == ordered[:-1]).any():
        raise ValueError("two cells have the same hash; pass isomorphic cells once")
    pairs = [np.empty(0, dtype=np.int64)]
    for (size, edges), rows in groups.items():
        cells = list(dict.fromkeys(changes(_vertices(size), edges)))
        found = _hashed(_operations(archs, rows), cells)
        places = np.minimum(np.searchsorted(ordered, found), count - 1)
        own = np.repeat(np.array(rows), len(cells)).reshape(found.shape)
        there = (ordered[places] == found) & (order[places] != own)
        pairs.append(np.unique(own[there] * count + order[places][there]))
    own, others = np.divmod(np.sort(np.concatenate(pairs)), count)
    return np.searchsorted(own, np.arange(count + 1)), others.astype(np.int32)


def _vertices(size: int) -> tuple[str, ...]:
    """Names for the vertices of a cell, which a change of the cell keeps or replaces by an operation."""
    return tuple(f"v{vertex}" for vertex in range(size))


def _operations(archs: Sequence[ArchGraph], rows: Sequence[int]) -> Integers:
    """The numbers of the operations of cells of one size, int64[k, V]."""
    return np.array([[_LABELS[op] for op in archs[row].ops] for row in rows], dtype=np.int64)


def _hashed(operations: Integers, cells: Sequence[Cell]) -> Hashes:
    """The hashes of changed cells, uint64[k, c], for k lists of operations and c cells of named vertices."""
    sizes = np.array([len(ops) for ops, _ in cells])
    sources = np.zeros((len(cells), MAX_VERTICES), dtype=np.int64)
    edges = np.zeros((len(cells), MAX_VERTICES, MAX_VERTICES), dtype=np.bool_)
    for row, (ops, links) in enumerate(cells):
        sources[row, : len(ops)] = [_NEW + _LABELS[op] if op in _LABELS else int(op[1:]) for op in ops]
        for source, target in links:
            edges[row, source, target] = True
    found = np.empty((len(operations), len(cells)), dtype=np.uint64)
    _hash_all(operations, sizes, sources, edges, found)
    return found


def _mix_one(value: np.uint64) -> np.uint64:
    """The finaliser of splitmix64 (Steele, Lea and Flood: Fast Splittable Pseudorandom Number Generators, 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


_mixed = compiled(_mix_one)


def _hash_each(
    operations: Integers, sizes: Integers, sources: Integers, edges: NDArray[np.bool_], found: Hashes
) -> None:
    """Fill `found`: a vertex starts from its operation and is mixed with its neighbours once per vertex of the cell."""
    labels = np.zeros(7, dtype=np.uint64)
    following = np.zeros(7, dtype=np.uint64)
    for row in range(len(operations)):
        for change in range(len(sizes)):
            size = sizes[change]
            for vertex in range(size):
                source = sources[change, vertex]
                label = operations[row, source] if source < 8 else source - 8
                labels[vertex] = _mixed(np.uint64(label + 1))
            for _ in range(size):
                for vertex in range(size):
                    before = np.uint64(0)
                    after = np.uint64(0)
                    for other in range(size):
                        if edges[change, other, vertex]:
                            before += _mixed(labels[other] + np.uint64(1))
                        if edges[change, vertex, other]:
                            after += _mixed(labels[other] + np.uint64(2))
                    following[vertex] = _mixed(_mixed(_mixed(labels[vertex]) + before) + after)
                labels[:size] = following[:size]
            total = np.uint64(size)
            for vertex in range(size):
                total += _mixed(labels[vertex])
            found[row, change] = total


_hash_all = compiled(_hash_each)
