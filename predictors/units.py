"""Scores of a predictor converted to the units of the targets it learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from predictors.targets import spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STRAIGHT = 0.001  # weight of the straight line, which keeps scores distinct between equal targets
_OUTER = 0.1  # fraction of the known scores at each end whose slope continues beyond them
_EQUAL = 1e-9  # known scores closer than this many standard deviations count as equal
_SMALLEST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Units:
    """A strictly increasing map from scores to the units of the targets, so that predictions keep the order of scores.

    `straight` is for scores that are linear in the targets. `through` is for scores that are not, such as normal scores
    of ranks, or those of a network trained with a ranking loss, which fixes no scale: the map is linear between known
    scores and their targets, plus a thousandth of a straight line. Beyond the known scores it continues with the slope
    of their outermost tenth, or that of the line if it is less steep.

    Attributes:
        centre, slope: the straight line, target = centre + slope * z, where z is the standardised score.
        origin, unit: z = (score - origin) / unit.
        known, targets: float64[k], the known values of z, increasing, and their targets, never decreasing; empty for a
            straight line.
    """

    centre: float
    slope: float
    origin: float
    unit: float
    known: Floats
    targets: Floats

    @classmethod
    def straight(cls, centre: float, slope: float) -> Self:
        """The map centre + slope * score."""
        return cls(centre, slope, 0.0, 1.0, np.empty(0), np.empty(0))

    @classmethod
    def through(cls, scores: Floats, targets: Floats) -> Self:
        """The map that gives the k-th lowest score the k-th lowest target; equal scores get their mean.

        Args:
            scores: float64[n], of the training architectures; or the transformed targets that were learned.
            targets: float64[n], in the same order or not.
        """
        origin, deviation = float(scores.mean()), spread(scores)
        ordered = (np.sort(scores) - origin) / (deviation or 1.0)
        begins = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > _EQUAL)
        means = np.add.reduceat(np.sort(targets), begins) / np.diff(begins, append=len(ordered))
        # The mean of equal numbers may differ from them in the last digit.
        means = np.maximum.accumulate(means)
        slope = spread(targets) if deviation else 0.0
        return cls(float(targets.mean()), slope, origin, deviation or 1.0, ordered[begins], means)

    @property
    def is_straight(self) -> bool:
        """Whether predictions are linear in the scores."""
        return not len(self.known)

    def back(self, scores: Floats) -> Floats:
        """Predictions in the units of the targets, float64[n], from scores float64[n]."""
        return self._converted((scores - self.origin) / self.unit)

    def width(self, scores: Floats, deviations: Floats) -> Floats:
        """Standard deviations in the units of the targets, float64[n], from those of the scores.

        They are half the distance between the predictions one standard deviation below and above the score.
        """
        z, deviations = (scores - self.origin) / self.unit, deviations / self.unit
        widths = deviations * self.slope
        if not self.is_straight:
            half = (self._converted(z + deviations) - self._converted(z - deviations)) / 2
            widths = np.maximum(half, _STRAIGHT * widths)
        return np.asarray(np.maximum(widths, _SMALLEST))

    def _converted(self, z: Floats) -> Floats:
        line: Floats = z * self.slope + self.centre
        if self.is_straight:
            return line
        low, high = self._outer_slopes()
        bent = np.interp(z, self.known, self.targets)
        bent += low * np.minimum(z - self.known[0], 0) + high * np.maximum(z - self.known[-1], 0)
        return np.asarray((1 - _STRAIGHT) * bent + _STRAIGHT * line)

    def _outer_slopes(self) -> tuple[float, float]:
        """Slopes below the lowest and above the highest known score."""
        n = len(self.known)
        step = max(1, int(_OUTER * n))
        if n <= step:
            return self.slope, self.slope
        rise = self.targets[[step, -1]] - self.targets[[0, -1 - step]]
        run = self.known[[step, -1]] - self.known[[0, -1 - step]]
        low, high = np.minimum(rise / run, self.slope)
        return float(low), float(high)
