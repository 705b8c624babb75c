"""From architectures to complete rows of numbers: encodings side by side, heavy tails drawn in, gaps filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from predictors.arch import ArchBatch
from predictors.base import Parameters
from predictors.constant_graphs import constants
from predictors.encodings import Columns, Encoding, Joined, LearningCurves, NodeStatistics, NodeTotals
from predictors.encodings.columns import signed_log

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FEWEST = 10  # finite values that a column needs before its gaps are estimated and not set to the median


class Rows(Parameters):
    """Encodings side by side on the scale sign(v) log(1 + |v|), with estimates in place of missing values.

    What is missing in a column is estimated by ridge regression on the columns that the training part has complete,
    fitted where the column has values, and held within the range of those widened by a fifth. So a proxy that a
    source published for some architectures only serves all.

    The last column is 1 for an architecture whose output sees no input (`is_constant`), else 0.

    Args:
        parts: unfitted encodings.
        columns: whether those that read the batch's columns and node arrays take part.

    Attributes:
        in_band_last: whether the last encoding reads columns, so that the last of `widths_` is of them.
    """

    def __init__(self, parts: Sequence[Encoding], columns: bool = True) -> None:
        self.parts = parts
        self.columns = columns

    def fit(self, X: ArchBatch) -> Self:
        kept = [part for part in self.parts if self.columns or not isinstance(part, _IN_BAND)]
        self.encoding_ = Joined(kept).fit(X)
        self.in_band_last = bool(kept) and isinstance(kept[-1], _IN_BAND)
        values = _finite_or_nan(self.encoding_.transform(X))
        missing = np.isnan(values)
        complete = ~missing.any(axis=0)
        self.complete_ = np.flatnonzero(complete)
        self.medians_ = np.array([_median(column) for column in values.T])
        self.low_, self.high_ = _range(values)
        self._fit_estimates(values, missing)
        return self

    def transform(self, X: ArchBatch) -> Floats:
        """float64[n, d], all finite."""
        values = _finite_or_nan(self.encoding_.transform(X))
        missing = np.isnan(values)
        if missing.any():
            # A value missing where the training part had all: the median, before anything is estimated from it.
            known = np.where(missing[:, self.complete_], self.medians_[self.complete_], values[:, self.complete_])
            filled = np.where(missing, self.medians_, values)
            if len(self.estimated_):
                estimates = np.clip(self._estimates(known), self.low_[self.estimated_], self.high_[self.estimated_])
                filled[:, self.estimated_] = np.where(
                    missing[:, self.estimated_], estimates, values[:, self.estimated_]
                )
            values = filled
        return np.column_stack([values, constants(X)])

    @property
    def widths_(self) -> list[int]:
        """Columns of each encoding; the last column is of none."""
        return list(self.encoding_.widths_)

    def _fit_estimates(self, values: Floats, missing: NDArray[np.bool_]) -> None:
        """One ridge regression for each set of architectures that lack the same columns."""
        enough = (~missing).sum(axis=0) >= _FEWEST
        self.estimated_ = np.flatnonzero(missing.any(axis=0) & enough) if len(self.complete_) else np.empty(0, np.int64)
        known = values[:, self.complete_]
        self.centre_ = known.mean(axis=0) if len(known) else np.zeros(known.shape[1])
        deviation = known.std(axis=0) if len(known) else np.ones(known.shape[1])
        self.deviation_ = np.where(deviation > 0, deviation, 1.0)
        self.coefficients_ = np.zeros((len(self.complete_), len(self.estimated_)))
        self.intercepts_ = np.zeros(len(self.estimated_))
        patterns: dict[bytes, list[int]] = {}
        for place, column in enumerate(self.estimated_):
            patterns.setdefault(missing[:, column].tobytes(), []).append(place)
        for places in patterns.values():
            columns = self.estimated_[places]
            there = ~missing[:, columns[0]]
            rows = np.clip((known[there] - self.centre_) / self.deviation_, -_FAR, _FAR)
            self.coefficients_[:, places], self.intercepts_[places] = _ridge(rows, values[np.ix_(there, columns)])

    def _estimates(self, known: Floats) -> Floats:
        rows = np.clip((known - self.centre_) / self.deviation_, -_FAR, _FAR)
        return np.asarray(rows @ self.coefficients_ + self.intercepts_)


_IN_BAND = (Columns, LearningCurves, NodeStatistics, NodeTotals)
_FAR = 5.0  # deviations beyond which a known value says no more


def _ridge(rows: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Coefficients [d, k] and intercepts [k]; one penalty for each target, the best by leave-one-out."""
    from sklearn.linear_model import RidgeCV

    fitted = RidgeCV(alphas=np.logspace(-1, 3, 9), alpha_per_target=targets.shape[1] > 1).fit(rows, targets)
    return np.reshape(fitted.coef_, (targets.shape[1], -1)).T, np.atleast_1d(fitted.intercept_)


def _finite_or_nan(values: Floats) -> Floats:
    return signed_log(np.where(np.isfinite(values), values, np.nan))


def _median(column: Floats) -> float:
    finite = column[np.isfinite(column)]
    return float(np.median(finite)) if len(finite) else 0.0


def _range(values: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest value of each column, widened by a fifth of their distance; 0 and 0 where there are none."""
    finite = np.isfinite(values)
    low = np.where(finite, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf)
    some = finite.any(axis=0)
    low, high = np.where(some, low, 0.0), np.where(some, high, 0.0)
    return low - (high - low) / 5, high + (high - low) / 5
