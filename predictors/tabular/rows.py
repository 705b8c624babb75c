"""Encodes architectures as complete rows: encodings concatenated, heavy tails compressed, missing values filled."""

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

_FEWEST = 10  # missing values in columns with fewer finite values are set to the median, not estimated


class Rows(Parameters):
    """Concatenated encodings on the scale sign(v) log(1 + |v|), with estimates in place of missing values.

    Missing values in a column are estimated by ridge regression on the columns that are complete in the training set,
    fitted where the column has values, and clipped to the range of these widened by a fifth at both ends. So a proxy
    that was published for only some architectures can be used for all.

    The last column is 1 for architectures whose output does not depend on the input (`is_constant`), else 0.

    Args:
        parts: unfitted encodings.
        columns: whether to use encodings that read the batch's columns and node arrays.

    Attributes:
        in_band_last: whether the last encoding reads columns, so that the last of `widths_` counts them.
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
            # Missing values in columns that are complete in the training set become the median before estimation.
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
        """Number of columns of each encoding; the last column belongs to none."""
        return list(self.encoding_.widths_)

    def _fit_estimates(self, values: Floats, missing: NDArray[np.bool_]) -> None:
        """Fit one ridge regression for each group of columns that are missing for the same architectures."""
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
_FAR = 5.0  # known values are clipped at this many standard deviations


def _ridge(rows: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Coefficients [d, k] and intercepts [k]; each target's penalty is chosen by leave-one-out cross-validation."""
    from sklearn.linear_model import RidgeCV

    fitted = RidgeCV(alphas=np.logspace(-1, 3, 9), alpha_per_target=targets.shape[1] > 1).fit(rows, targets)
    return np.reshape(fitted.coef_, (targets.shape[1], -1)).T, np.atleast_1d(fitted.intercept_)


def _finite_or_nan(values: Floats) -> Floats:
    return signed_log(np.where(np.isfinite(values), values, np.nan))


def _median(column: Floats) -> float:
    finite = column[np.isfinite(column)]
    return float(np.median(finite)) if len(finite) else 0.0


def _range(values: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest value of each column, widened by a fifth of the range; 0 and 0 if there are no values."""
    finite = np.isfinite(values)
    low = np.where(finite, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf)
    some = finite.any(axis=0)
    low, high = np.where(some, low, 0.0), np.where(some, high, 0.0)
    return low - (high - low) / 5, high + (high - low) / 5
