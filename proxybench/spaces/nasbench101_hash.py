"""The graph hash that names a cell in NAS-Bench-101: equal for isomorphic cells, 32 hexadecimal digits.

Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, section 2.2, after
Ying, "Enumerating Unique Computational Graphs via an Iterative Graph Invariant", 2019, algorithm 1: the hash of a
vertex starts from its degrees and label and is combined with those of its neighbours once per vertex of the graph.
`cell_hash` does this for one cell, `cell_hashes` for many, `hash_cells` for arrays of many cells of one size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")  # a label is a position in this tuple
INPUT_LABEL, OUTPUT_LABEL = -1, -2
_CHUNK = 16_384  # cells hashed at once
_FEW = 2000  # cells of one size, below which hashing them one by one is faster than loading the compiled loops


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

    from proxybench.spaces.nasbench101_hash_loops import graph_hashes

    hashes = np.empty((len(labels), 16), dtype=np.uint8)
    for start in range(0, len(labels), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        hashes[chunk] = graph_hashes(adjacency[chunk], _initial_hashes(adjacency[chunk], labels[chunk]))
    return hashes


def _initial_hashes(adjacency: NDArray[np.bool_], labels: NDArray[np.int8]) -> NDArray[np.uint8]:
    """MD5 of "(out-degree, in-degree, label)" of every vertex: uint8[n, V, 16]."""
    import numpy as np

    vertices = labels.shape[1]
    outs, ins = adjacency.sum(axis=2), adjacency.sum(axis=1)
    keys, key_of = np.unique((outs * vertices + ins) * 8 + labels + 2, return_inverse=True)
    starts = [(key // 8 // vertices, key // 8 % vertices, key % 8 - 2) for key in keys.tolist()]
    digests = b"".join(bytes.fromhex(_md5(str(start))) for start in starts)
    return np.frombuffer(digests, dtype=np.uint8).reshape(-1, 16)[key_of.reshape(labels.shape)]
