"""Target scaling for learners: standardised, or normal scores of their ranks; and sampling of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TARGETS = ("raw", "rank", "mixed", "pairwise")


class TargetScale:
    """Scales targets to mean 0 and standard deviation 1.

    Args:
        target: "raw" keeps distances, and `back` undoes the scaling; "rank" and "pairwise" use normal scores of the
            ranks (Blom, 1958, with (rank - 1/2) / n), where ties share their mean rank; "mixed" uses the mean of both.
            For all but "raw", `back` changes nothing.
    """

    def __init__(self, target: str) -> None:
        self.target = target

    def fit(self, targets: Floats) -> Self:
        raw = self.target == "raw"
        self.centre_, self.deviation_ = (float(targets.mean()), spread(targets) or 1.0) if raw else (0.0, 1.0)
        return self

    def transform(self, targets: Floats) -> Floats:
        """float64[n]."""
        if self.target == "raw":
            return (targets - self.centre_) / self.deviation_
        scores = normal_scores(targets)
        return (scores + standardised(targets)) / 2 if self.target == "mixed" else scores

    def back(self, predicted: Floats) -> Floats:
        """Predictions on the scale of the targets for "raw", otherwise unchanged."""
        return predicted * self.deviation_ + self.centre_


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
    """Standardised normal quantiles of (rank - 1/2) / n; zeros if all values are equal."""
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
