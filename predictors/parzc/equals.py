"""Finds architectures with equal inputs, so that they are scored only once.

Cells that compute the same function (the 15,625 cells of NAS-Bench-201 have 6,466 distinct ones) have equal reduced
graphs and equal node statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.arch import Ragged

Ints = NDArray[np.int64]

_AT_ONCE = 2**22  # number of node values compared at once


def first_equals(rows: Sequence[NDArray[Any]], nodes: Sequence[Ragged]) -> tuple[Ints, Ints]:
    """The first of each set of equal architectures, int64[k], and the set that each one belongs to, int64[n].

    Node arrays are compared only between architectures with equal rows, so none are read if all rows differ. If there
    are no rows, all architectures count as different.

    Args:
        rows: [n, width] each; compared by their bytes.
        nodes: node arrays of the n architectures; values are equal if they compare equal or are both NaN.
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
