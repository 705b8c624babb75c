"""Targets as learners learn them: standardised, or normal scores of their ranks; and sampling of pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from predictors.errors import unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TARGETS = ("raw", "rank", "mixed", "pairwise")


def scaled(
    targets: Floats, kind: str, pairwise: bool = False, ranked: Callable[[Floats], Floats] | None = None
) -> Floats:
    """What a learner learns: the targets with mean 0 and standard deviation 1.

    Args:
        targets: float64[n].
        kind: "raw" keeps distances; "rank" and "pairwise" use the ranks, where ties share their mean rank; "mixed" uses
            the mean of both.
        pairwise: whether the learner can learn from pairs.
        ranked: the scaled ranks; by default their normal scores.

    Raises:
        UnknownName: if the kind is unknown.
        ValueError: if it is "pairwise", and the learner cannot learn from pairs.
    """
    if kind not in TARGETS:
        raise unknown_name("target", kind, TARGETS)
    if kind == "pairwise" and not pairwise:
        raise ValueError("this predictor cannot learn from pairs; use target='rank', or gbdt or ridge")
    if kind == "raw":
        return standardised(targets)
    ranks = (ranked or normal_scores)(targets)
    return (ranks + standardised(targets)) / 2 if kind == "mixed" else ranks


def spread(values: Floats) -> float:
    """The standard deviation; 0 if, and within the limits of float64 only if, all values are equal."""
    if not len(values) or values.min() == values.max():
        return 0.0  # the mean of equal values may differ from them in the last digit
    deviation = float(values.std())
    if deviation > _SMALL:
        return deviation
    centred = values - values.mean()
    unit = np.abs(centred).max()
    return float(unit * (centred / unit).std())


_SMALL = 1e-100  # squares of smaller values lose precision


def standardised(values: Floats) -> Floats:
    """Values scaled to mean 0 and standard deviation 1; zeros if all values are equal."""
    deviation = spread(values)
    centred: Floats = values - values.mean()
    return centred / deviation if deviation else centred * 0.0


def normal_scores(values: Floats) -> Floats:
    """Standardised normal quantiles of (rank - 1/2) / n (Hazen, 1914); zeros if all values are equal."""
    from scipy.special import ndtri

    from predictors.ranks import mean_ranks

    scores = ndtri((mean_ranks(values) - 0.5) / len(values))
    scores = scores - scores.mean()
    deviation = scores.std()
    return np.asarray(scores / deviation if deviation > 1e-12 else np.zeros(len(values)))


def sampled_pairs(targets: Floats, partners: int, random: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
    """Pairs of positions (better, worse), about `partners` per architecture; pairs of equal targets are dropped."""
    n = len(targets)
    if n - 1 <= 2 * partners:
        one, other = np.triu_indices(n, 1)
    else:
        steps = random.choice(np.arange(1, n), size=partners, replace=False)
        order = random.permutation(n)
        one = np.tile(order, partners)
        other = np.concatenate([np.roll(order, step) for step in steps])
    differ = targets[one] != targets[other]
    one, other = one[differ], other[differ]
    swap = targets[one] < targets[other]
    return np.where(swap, other, one), np.where(swap, one, other)
