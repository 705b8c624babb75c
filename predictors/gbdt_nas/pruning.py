"""Prunes the choices that a search space can do without, by the Shapley values of a tree model.

Luo et al., arXiv 2007.04785. Their repository counts some features repeatedly towards the limit, including features
that it does not prune; here `at_most` limits the number of features that are actually removed.

The published second-order rule has a pitfall. If two features are useful only together, their interaction value is
negative wherever one of them is absent, so the rule removes one of two choices that are good together. `harmful_pairs`
is an alternative that is not in the paper: it forbids the combination of two choices that are harmful together, and
removes neither.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PRUNINGS = ("none", "first", "second", "pairs")
PUBLISHED = 20  # of 147 choices, the number removed in one iteration
_ROUNDING = 1e-9  # means closer to zero than this fraction of the largest one count as zero


def first_order(
    rows: Floats,
    values: Floats,
    groups: NDArray[np.int64],
    at_most: int = PUBLISHED,
    removed: Collection[int] = (),
) -> list[int]:
    """The features with the lowest mean Shapley values over the architectures that have them, if these are negative.

    Args:
        rows: float64[n, d] of 0 and 1, the architectures.
        values: float64[n, d], their Shapley values.
        groups: int64[d], equal for features that exclude each other if one of them is required; -1 for others. The
            last feature of a group is not removed.
        at_most: maximum number of features to remove.
        removed: features that were removed before.

    Returns:
        The features to remove, most harmful first.
    """
    means = _group_means(rows.T @ np.ones(len(rows)), (rows * values).sum(axis=0))
    removal = _Removal(groups, removed, at_most)
    for feature in np.argsort(means, kind="stable").tolist():
        if means[feature] >= -_tolerance(means):
            break
        removal.take([feature])
    return removal.new


def second_order(
    rows: Floats,
    interactions: Floats,
    groups: NDArray[np.int64],
    at_most: int = PUBLISHED,
    removed: Collection[int] = (),
) -> list[int]:
    """The features to remove according to the signs of pairwise interactions.

    Pairs are processed in the order of the lowest of three means: of the interaction value over architectures with
    both features, with the first only, and with the second only; an empty mean is 0. If the pair is harmful together
    (the first mean is negative), both are removed; otherwise the first if it is harmful without the second; otherwise
    the second if it is harmful without the first. If one of them has already been removed, the other is removed only
    if the pair is harmful together.

    Args:
        rows: float64[n, d] of 0 and 1.
        interactions: float64[n, d, d], from `interaction_values`.
        groups: int64[d], as in `first_order`.
        at_most: maximum number of features to remove.
        removed: features that were removed before.

    Returns:
        The features to remove, in the order of the pairs.
    """
    both, first, second = _pair_means(rows, interactions)
    lowest = np.minimum(both, np.minimum(first, second))
    removal = _Removal(groups, removed, at_most)
    ones, others = np.triu_indices(rows.shape[1], 1)
    zero = -_tolerance(lowest)
    for place in np.argsort(lowest[ones, others], kind="stable").tolist():
        one, other = int(ones[place]), int(others[place])
        if lowest[one, other] >= zero or removal.full:
            break
        known = (one in removal.removed) + (other in removal.removed)
        if both[one, other] < zero:
            removal.take([one, other])
        elif not known:
            removal.take([one] if first[one, other] < zero else [other])
    return removal.new


def harmful_pairs(
    rows: Floats, interactions: Floats, at_most: int = PUBLISHED, removed: Collection[int] = ()
) -> list[tuple[int, int]]:
    """The pairs of features with the lowest mean interactions over architectures with both, if these are negative.

    Args:
        rows: float64[n, d] of 0 and 1.
        interactions: float64[n, d, d].
        at_most: maximum number of pairs.
        removed: features whose pairs need not be kept apart.
    """
    both, _, _ = _pair_means(rows, interactions)
    ones, others = np.triu_indices(rows.shape[1], 1)
    means = both[ones, others]
    found: list[tuple[int, int]] = []
    for place in np.argsort(means, kind="stable").tolist():
        if means[place] >= -_tolerance(both) or len(found) >= at_most:
            break
        pair = int(ones[place]), int(others[place])
        if not set(pair) & set(removed):
            found.append(pair)
    return found


class _Removal:
    """Features removed so far, within the limits."""

    def __init__(self, groups: NDArray[np.int64], removed: Collection[int], at_most: int) -> None:
        self.removed = set(removed)
        self.new: list[int] = []
        self._groups = groups
        self._at_most = at_most

    @property
    def full(self) -> bool:
        return len(self.new) >= self._at_most

    def take(self, features: list[int]) -> None:
        for feature in features:
            if feature not in self.removed and not self.full and not self._needed(feature):
                self.removed.add(feature)
                self.new.append(feature)

    def _needed(self, feature: int) -> bool:
        """Whether the feature is the last of its group."""
        group = self._groups[feature]
        if group < 0:
            return False
        left = set(np.flatnonzero(self._groups == group).tolist()) - self.removed
        return left == {feature}


def _pair_means(rows: Floats, interactions: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean interaction with both features present, the first only, and the second only; float64[d, d] each."""
    absent = 1 - rows
    means = [
        _group_means(one.T @ other, np.einsum("ni,nj,nij->ij", one, other, interactions))
        for one, other in ((rows, rows), (rows, absent), (absent, rows))
    ]
    return means[0], means[1], means[2]


def _group_means(counts: Floats, sums: Floats) -> Floats:
    return sums / np.maximum(counts, 1)


def _tolerance(means: Floats) -> float:
    return _ROUNDING * float(np.abs(means).max(initial=0.0))
