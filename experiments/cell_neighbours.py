"""The neighbours of every cell of NAS-Bench-101, as `NASBench101.neighbours` defines them, in a minute for all.

All cells have 2,493 graphs. The elementary changes of a graph are found once; compiled loops then apply them to every
list of operations, and find each changed cell by a graph hash of 64 bits, computed like the official one of 128.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchGraph
from proxybench.compiled import compiled
from proxybench.spaces.nasbench101_graph import Cell, Edge, changes
from proxybench.spaces.nasbench101_hash import OPERATIONS

_LABELS = {op: number for number, op in enumerate((*OPERATIONS, "input", "output"))}
_VERTICES = 7
_KEPT = 8  # sources below this number are vertices of the cell before the change, from it on new operations


def neighbour_table(archs: Sequence[ArchGraph]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The neighbours of cell i are `others[starts[i] : starts[i + 1]]`, in increasing order.

    Args:
        archs: all cells of the space, each once.

    Returns:
        starts, int64[n + 1], and others, int32[m].

    Raises:
        ValueError: if two cells have the same hash, so that they are isomorphic or collide.
    """
    groups: dict[tuple[int, tuple[Edge, ...]], list[int]] = defaultdict(list)
    for row, arch in enumerate(archs):
        groups[len(arch), arch.edges].append(row)
    hashes = np.empty(len(archs), dtype=np.uint64)
    for (size, edges), rows in groups.items():
        same = _encoded([(_vertices(size), edges)])
        hashes[rows] = _changed(_operations(archs, rows), *same)[:, 0]
    order = np.argsort(hashes)
    ordered = hashes[order]
    if (np.diff(ordered) == 0).any():
        raise ValueError("two cells have the same hash; pass each cell of the space once")
    pairs = []
    for (size, edges), rows in groups.items():
        cells = list(dict.fromkeys(changes(_vertices(size), edges)))
        found = _changed(_operations(archs, rows), *_encoded(cells))
        places = np.minimum(np.searchsorted(ordered, found), len(ordered) - 1)
        if (ordered[places] != found).any():
            raise ValueError("a changed cell is not among the cells; pass all cells of the space")
        pairs.append(np.unique(np.repeat(rows, len(cells)) * len(archs) + order[places].ravel()))
    own, others = np.divmod(np.sort(np.concatenate(pairs)), len(archs))
    own, others = own[own != others], others[own != others]
    return np.searchsorted(own, np.arange(len(archs) + 1)), others.astype(np.int32)


def _vertices(size: int) -> tuple[str, ...]:
    """Names for the vertices of a cell, which a change of the cell keeps or replaces by an operation."""
    return tuple(f"v{vertex}" for vertex in range(size))


def _encoded(cells: Sequence[Cell]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The vertices of each cell, their sources, int64[c, 7], and the edges, bool[c, 7, 7]."""
    sizes = np.array([len(ops) for ops, _ in cells])
    sources = np.zeros((len(cells), _VERTICES), dtype=np.int64)
    edges = np.zeros((len(cells), _VERTICES, _VERTICES), dtype=bool)
    for row, (ops, links) in enumerate(cells):
        sources[row, : len(ops)] = [_KEPT + _LABELS[op] if op in _LABELS else int(op[1:]) for op in ops]
        for source, target in links:
            edges[row, source, target] = True
    return sizes, sources, edges


def _operations(archs: Sequence[ArchGraph], rows: Sequence[int]) -> NDArray[np.int64]:
    return np.array([[_LABELS[op] for op in archs[row].ops] for row in rows])


def _mixed(value):  # type: ignore[no-untyped-def]
    """The finaliser of splitmix64."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


_mixed = compiled(_mixed, inline="always")


def _hashes(operations, sizes, sources, edges, found):  # type: ignore[no-untyped-def]
    """The hash of each change of each list of operations."""
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
                    before, after = np.uint64(0), np.uint64(0)
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


_hashes = compiled(_hashes)


def _changed(operations, sizes, sources, edges) -> NDArray[np.uint64]:  # type: ignore[no-untyped-def]
    found = np.empty((len(operations), len(sizes)), dtype=np.uint64)
    _hashes(operations, sizes, sources, edges, found)
    return found
