"""Standardised rows without extreme outliers, for learners that are sensitive to the scale of features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Standard:
    """Standardises each feature on the training set and clips it at +-`far`; constant features become 0.

    Args:
        far: standard deviations; values beyond were never seen in training and must not outweigh all others.
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
    """A scikit-learn regressor on rows scaled by `Standard`."""

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
