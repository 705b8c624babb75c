"""Ranks of numbers with ties, and Kendall's tau-b from exact pair counts, with NumPy alone.

scipy.stats provides the same, but takes more than a second to import; this is no slower, and faster for few numbers.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from predictors.containers import as_numbers
from predictors.inputs import require_same_index

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


class Pairs(NamedTuple):
    """Counts of pairs among n items with two values each.

    Attributes:
        everything: all pairs, n (n - 1) / 2.
        discordant: pairs that the two values order in opposite ways.
        tied_first: pairs with equal first values.
        tied_second: pairs with equal second values.
        tied_both: pairs with both values equal.
    """

    everything: int
    discordant: int
    tied_first: int
    tied_second: int
    tied_both: int

    @property
    def balance(self) -> int:
        """Concordant minus discordant pairs."""
        return self.everything - self.tied_first - self.tied_second + self.tied_both - 2 * self.discordant


def mean_ranks(values: ArrayLike) -> Floats:
    """Ranks float64[n] of n numbers, starting from 1 for the smallest; equal numbers share their mean rank.

    Raises:
        ValueError: unless `values` is a vector without NaN.
    """
    ranks, new = _dense(_vector(values))
    ends = np.append(np.flatnonzero(new), len(new))
    means: Floats = (ends[:-1] + ends[1:] + 1) / 2
    return means[ranks]


def dense_ranks(values: ArrayLike) -> Integers:
    """Ranks int64[n] of n numbers, starting from 1 for the smallest; equal numbers share a rank, without gaps.

    Raises:
        ValueError: unless `values` is a vector without NaN.
    """
    return _dense(_vector(values))[0] + 1


def tau_b(first: ArrayLike, second: ArrayLike) -> float:
    """Kendall's tau-b (Kendall, "The treatment of ties in ranking problems", Biometrika 1945).

    Returns:
        tau-b, or NaN if it is undefined: for fewer than two numbers, or if all numbers in a vector are equal.

    Raises:
        ValueError: unless both are vectors of the same length without NaN.
    """
    pairs = count_pairs(first, second)
    if pairs.everything in (pairs.tied_first, pairs.tied_second):
        return math.nan
    # One root of the exact product, so that equal orders give exactly 1.
    untied = math.sqrt((pairs.everything - pairs.tied_first) * (pairs.everything - pairs.tied_second))
    return max(-1.0, min(1.0, pairs.balance / untied))


def count_pairs(first: ArrayLike, second: ArrayLike) -> Pairs:
    """Count the pairs of n items with two values each, in O(n log n) (Knight, JASA 1966).

    After sorting by the first value, and ties by the second, discordant pairs are the inversions of the second value.

    Raises:
        ValueError: unless both are vectors of the same length without NaN.
    """
    require_same_index(first=first, second=second)
    one, other = _vector(first), _vector(second)
    if len(one) != len(other):
        raise ValueError(f"pairs need two vectors of the same length, not {len(one)} and {len(other)}")
    n = len(one)
    (rank, new), (other_rank, other_new) = _dense(one), _dense(other)
    # Pack two ranks into one integer: sorting plain integers is many times faster than sorting pairs.
    bits = n.bit_length()
    low = (1 << bits) - 1
    both: Integers = np.sort(rank << bits | other_rank)
    by_second: Integers = np.sort((both & low) << bits | np.arange(n)) & low
    return Pairs(n * (n - 1) // 2, inversions(by_second), _equal(new), _equal(other_new), _equal(_changes(both)))


def inversions(order: Integers) -> int:
    """The number of pairs of a permutation of 0 .. n - 1 in which the greater number comes first.

    A top-down merge sort: within a range, numbers of the lower half are moved before those of the upper half, and each
    move past another number counts as a pair; then the same within both halves. All ranges of one size are handled at
    once.
    """
    levels = max(0, len(order) - 1).bit_length()
    kind = np.int32 if levels < 31 else np.int64
    numbers: NDArray[np.signedinteger[Any]] = np.arange(1 << levels, dtype=kind)  # numbers from n on stay in place
    numbers[: len(order)] = order
    count = 0
    for level in reversed(range(levels)):
        half = 1 << level
        ranges = len(numbers) >> (level + 1)
        upper = (numbers & half).astype(np.bool_)
        places, lower_places = np.flatnonzero(upper), np.flatnonzero(~upper)
        # Sum of the sorted positions of the upper halves' numbers: each range's start + half + (0 .. half - 1).
        sorted_places = half * half * ranges * (ranges - 1) + ranges * (half * half + half * (half - 1) // 2)
        count += sorted_places - int(places.sum())
        halves = (numbers.take(lower_places).reshape(ranges, half), numbers.take(places).reshape(ranges, half))
        numbers = np.concatenate(halves, axis=1).ravel()
    return count


def _vector(values: ArrayLike) -> NDArray[np.float64 | np.int64]:
    vector = as_numbers(values)
    vector = vector.astype(np.int8) if vector.dtype.kind == "b" else vector
    if vector.ndim != 1:
        raise ValueError(f"ranks need a vector, not an array of shape {vector.shape}")
    missing = int(np.isnan(vector).sum())
    if missing:
        raise ValueError(f"ranks need a vector without NaN; {missing} of {len(vector)} values are missing")
    return vector


def _dense(values: NDArray[np.float64 | np.int64]) -> tuple[Integers, Booleans]:
    """Dense ranks from 0, and a mask over the sorted values that is True where a new rank begins."""
    order = np.argsort(values)
    new = _changes(values[order])
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.cumsum(new) - 1
    return ranks, new


def _changes(values: NDArray[np.float64 | np.int64]) -> Booleans:
    changed = np.ones(len(values), dtype=np.bool_)
    changed[1:] = values[1:] != values[:-1]
    return changed


def _equal(new: Booleans) -> int:
    """The number of pairs of equal values, from the mask of sorted values where a new value begins."""
    copies = np.diff(np.append(np.flatnonzero(new), len(new)))
    return int((copies * (copies - 1) // 2).sum())
