"""Rows for learners that compare features with each other: mean 0, deviation 1, no far outliers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Standard:
    """Each feature to mean 0 and deviation 1 of the training part, cut at +-`far`; constant ones become 0.

    Args:
        far: deviations; a value beyond was never seen in training and must not outweigh all the others.
    """

    def __init__(self, far: float = 5.0) -> None:
        self.far = far

    def fit(self, rows: Floats) -> Self:
        self.centre_ = rows.mean(axis=0)
        deviation = rows.std(axis=0)
        self.weight_ = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-9)
        return self

    def transform(self, rows: Floats) -> Floats:
        """float64[n, d]."""
        return np.asarray(np.clip((rows - self.centre_) * self.weight_, -self.far, self.far))


class Scaled:
    """A regressor of scikit-learn's form behind `Standard`."""

    def __init__(self, regressor: object) -> None:
        self.regressor = regressor

    def fit(self, rows: Floats, targets: Floats) -> Self:
        self.standard_ = Standard().fit(rows)
        self.regressor.fit(self.standard_.transform(rows), targets)  # type: ignore[attr-defined]
        return self

    def predict(self, rows: Floats) -> Floats:
        """float64[n]."""
        predicted = self.regressor.predict(self.standard_.transform(rows))  # type: ignore[attr-defined]
        return np.asarray(predicted, dtype=np.float64)
