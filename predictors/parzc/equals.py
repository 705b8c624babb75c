"""Architectures of which everything that is read is equal, which are scored once.

Cells that differ only in what cannot matter (6,466 of the 15,625 cells of NAS-Bench-201 are different functions) have
equal reduced graphs and equal statistics of their nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.arch import Ragged

Ints = NDArray[np.int64]

_AT_ONCE = 2**22  # node values that are compared at once


def first_equals(rows: Sequence[NDArray[Any]], nodes: Sequence[Ragged]) -> tuple[Ints, Ints]:
    """The first of each set of equal architectures, int64[k], and which of these each one equals, int64[n].

    Node arrays are compared only where rows are equal: none are read where no two rows are, and where there are no rows
    all architectures count as different.

    Args:
        rows: [n, width] each; equal where their bytes are.
        nodes: node arrays of the n architectures; equal where their values are, or both are NaN.
    """
    n = len(rows[0]) if rows else len(nodes[0])
    if not rows or not n:
        return np.arange(n), np.arange(n)
    keys = np.ascontiguousarray(np.concatenate(rows, axis=1))
    _, first, which = np.unique(
        keys.view(np.dtype((np.void, keys.dtype.itemsize * keys.shape[1])))[:, 0],
        return_index=True,
        return_inverse=True,
    )
    stands_for = first[which]
    later = np.flatnonzero(stands_for != np.arange(n))
    for one in nodes:
        later = later[_equal(one, later, stands_for[later])]
    found = np.arange(n)
    found[later] = stands_for[later]
    distinct, places = np.unique(found, return_inverse=True)
    return distinct, places


def _equal(nodes: Ragged, rows: Ints, others: Ints) -> NDArray[np.bool_]:
    """Whether row rows[i] equals row others[i], for each i."""
    lengths = np.diff(nodes.offsets)
    equal: NDArray[np.bool_] = lengths[rows] == lengths[others]
    values = max(1, int(nodes.offsets[-1])) // max(1, len(nodes)) + 1
    candidates = np.flatnonzero(equal)
    for part in np.array_split(candidates, 1 + len(candidates) * values // _AT_ONCE):
        one, other = nodes.take(rows[part]), nodes.take(others[part])
        differ = (one.values != other.values) & ~((one.values != one.values) & (other.values != other.values))
        places = np.flatnonzero(differ.any(axis=tuple(range(1, differ.ndim))))
        equal[part[np.searchsorted(one.offsets, places, side="right") - 1]] = False
    return equal
