"""The graph hash that names a cell in NAS-Bench-101: equal for isomorphic cells, 32 hexadecimal digits.

Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, section 2.2, after
Ying, "Enumerating Unique Computational Graphs via an Iterative Graph Invariant", 2019, algorithm 1: the hash of a
vertex starts from its degrees and label and is combined with those of its neighbours once per vertex of the graph.
`cell_hash` does this for one cell, `cell_hashes` for many, `hash_cells` for arrays of many cells of one size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from proxybench.spaces.md5_batch import md5_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Group = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")  # a label is a position in this tuple
INPUT_LABEL, OUTPUT_LABEL = -1, -2
_CHUNK = 16_384  # cells hashed at once
_FEW = 500  # cells of one size, below which hashing them one by one is faster


def cell_hash(ops: Sequence[str], edges: Sequence[tuple[int, int]]) -> str:
    """The official hash of a pruned cell: `ops` from "input" to "output", `edges` as (source, target) vertices."""
    labels = _labels(ops)
    before: list[list[int]] = [[] for _ in ops]
    after: list[list[int]] = [[] for _ in ops]
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    around = list(zip(before, after, strict=True))
    hashes = [_md5(str((len(outs), len(ins), label))) for (ins, outs), label in zip(around, labels, strict=True)]
    for _ in ops:
        hashes = [
            _md5(f"{''.join(sorted(hashes[v] for v in ins))}|{''.join(sorted(hashes[v] for v in outs))}|{own}")
            for (ins, outs), own in zip(around, hashes, strict=True)
        ]
    return _md5(str(sorted(hashes)))


def _labels(ops: Sequence[str]) -> list[int]:
    return [INPUT_LABEL, *(OPERATIONS.index(op) for op in ops[1:-1]), OUTPUT_LABEL]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def cell_hashes(cells: Sequence[tuple[Sequence[str], Sequence[tuple[int, int]]]]) -> list[str]:
    """`cell_hash` of each cell (ops, edges)."""
    import numpy as np

    by_size: dict[int, list[int]] = {}
    for row, (ops, _) in enumerate(cells):
        by_size.setdefault(len(ops), []).append(row)
    hashes = [""] * len(cells)
    for vertices, rows in by_size.items():
        if len(rows) < _FEW:
            found = [cell_hash(*cells[row]) for row in rows]
        else:
            adjacency = np.zeros((len(rows), vertices, vertices), dtype=np.bool_)
            ends = [(cell, *edge) for cell, row in enumerate(rows) for edge in cells[row][1]]
            adjacency[tuple(np.array(ends, dtype=np.int64).T)] = True
            labels = np.array([_labels(cells[row][0]) for row in rows], dtype=np.int8)
            found = [digest.tobytes().hex() for digest in hash_cells(adjacency, labels)]
        for row, digest in zip(rows, found, strict=True):
            hashes[row] = digest
    return hashes


def hash_cells(adjacency: NDArray[np.bool_], labels: NDArray[np.int8]) -> NDArray[np.uint8]:
    """The official hashes of n pruned cells with V vertices each, 16 bytes per hash.

    Args:
        adjacency: bool[n, V, V], [source, target].
        labels: int8[n, V], positions in OPERATIONS between INPUT_LABEL and OUTPUT_LABEL.
    """
    import numpy as np

    parts = [
        _hash_chunk(adjacency[start : start + _CHUNK], labels[start : start + _CHUNK])
        for start in range(0, len(labels), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty((0, 16), dtype=np.uint8)


def _hash_chunk(adjacency: NDArray[np.bool_], labels: NDArray[np.int8]) -> NDArray[np.uint8]:
    import numpy as np

    count, vertices = labels.shape
    hashes = _initial_hashes(adjacency, labels)
    by_length: dict[int, list[Group]] = {}  # neighbours to groups: texts of one length are hashed in one go
    for group in _by_degree(adjacency):
        by_length.setdefault(group[1].shape[1] + group[2].shape[1], []).append(group)
    for _ in range(vertices):
        updated = np.empty_like(hashes)
        for groups in by_length.values():
            texts = np.concatenate([_joined(hashes, *group) for group in groups])
            updated[np.concatenate([own for own, _, _ in groups])] = md5_rows(texts)
        hashes = updated
    hexadecimal = _hexadecimal(_sorted_rows(hashes.reshape(count, vertices, 16)))
    listed = np.empty((count, vertices, 36), dtype=np.uint8)
    listed[:, :, 0] = listed[:, :, 33] = ord("'")
    listed[:, :, 1:33] = hexadecimal
    listed[:, :, 34:] = np.frombuffer(b", ", dtype=np.uint8)
    brackets = np.full((count, 1), ord("["), dtype=np.uint8), np.full((count, 1), ord("]"), dtype=np.uint8)
    return md5_rows(np.concatenate([brackets[0], listed.reshape(count, -1)[:, :-2], brackets[1]], axis=1))


def _initial_hashes(adjacency: NDArray[np.bool_], labels: NDArray[np.int8]) -> NDArray[np.uint8]:
    """MD5 of "(out-degree, in-degree, label)" of every vertex: uint8[n * V, 16]."""
    import numpy as np

    vertices = labels.shape[1]
    outs, ins = adjacency.sum(axis=2), adjacency.sum(axis=1)
    keys, key_of = np.unique((outs * vertices + ins) * 8 + labels + 2, return_inverse=True)
    starts = [(key // 8 // vertices, key // 8 % vertices, key % 8 - 2) for key in keys.tolist()]
    digests = b"".join(bytes.fromhex(_md5(str(start))) for start in starts)
    return np.frombuffer(digests, dtype=np.uint8).reshape(-1, 16)[key_of.ravel()]


def _by_degree(adjacency: NDArray[np.bool_]) -> Iterator[Group]:
    """Vertices with equal degrees: numbers (cell * V + vertex) [m], of predecessors [m, in], of successors [m, out]."""
    import numpy as np

    count, vertices, _ = adjacency.shape
    into = adjacency.transpose(0, 2, 1).reshape(-1, vertices)
    out = adjacency.reshape(-1, vertices)
    base = np.repeat(np.arange(count) * vertices, vertices)  # number of the first vertex of the same cell
    degrees = into.sum(axis=1) * (vertices + 1) + out.sum(axis=1)
    for degree in np.unique(degrees):
        own = np.flatnonzero(degrees == degree)
        before, after = ((np.nonzero(table[own])[1].reshape(len(own), -1) + base[own, None]) for table in (into, out))
        yield own, before, after


def _joined(
    hashes: NDArray[np.uint8], own: NDArray[np.int64], before: NDArray[np.int64], after: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """The text "sorted predecessors|sorted successors|own" in hexadecimal, one row per vertex."""
    import numpy as np

    count = len(own)
    bar = np.full((count, 1), ord("|"), dtype=np.uint8)
    ins = _hexadecimal(_sorted_rows(hashes[before])).reshape(count, -1)
    outs = _hexadecimal(_sorted_rows(hashes[after])).reshape(count, -1)
    return np.concatenate([ins, bar, outs, bar, _hexadecimal(hashes[own])], axis=1)


def _sorted_rows(digests: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[m, k, 16] with the k digests of each row in ascending order, the same as that of their hexadecimal texts."""
    import numpy as np

    if digests.shape[1] < 2:
        return digests
    ordered = np.sort(np.ascontiguousarray(digests).view("S16")[..., 0], axis=1)
    return ordered[..., None].view(np.uint8).reshape(digests.shape)


def _hexadecimal(digests: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each byte as the codes of its two hexadecimal digits: [..., 16] -> [..., 32]."""
    import numpy as np

    digits = np.frombuffer(bytes(range(256)).hex().encode(), dtype=np.uint16)
    return digits[digests].view(np.uint8)
