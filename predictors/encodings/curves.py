"""Prefixes of learning curves: the columns `curve:METRIC@EPOCH` of a batch, and summaries of their trend."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

import numpy as np

from predictors.arch import ArchBatch
from predictors.base import Parameters
from predictors.encodings.columns import CURVE, require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINT = re.compile(re.escape(CURVE) + r"(?P<metric>.+)@(?P<epoch>\d+)")


class LearningCurves(Parameters):
    """For each metric with `curve:METRIC@EPOCH` columns: the points, then their last, highest, mean and slope.

    Points are in order of epoch. The slope is that of a straight line fitted to the points against log(1 + epoch), or
    0 for a single point. All four summaries ignore NaN points, and are NaN if all points are NaN.

    Args:
        until: the last epoch to use; None for all epochs.

    Raises:
        UnknownName: in `transform`, if the batch lacks a point of the training set.
    """

    def __init__(self, until: int | None = None) -> None:
        self.until = until

    def fit(self, X: ArchBatch) -> Self:
        points = [(match["metric"], int(match["epoch"])) for name in X.columns if (match := _POINT.fullmatch(name))]
        self.epochs_: dict[str, list[int]] = {}
        for metric, epoch in sorted(points):
            if self.until is None or epoch <= self.until:
                self.epochs_.setdefault(metric, []).append(epoch)
        return self

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        parts = [np.empty((len(X), 0))]
        for metric, epochs in self.epochs_.items():
            names = [f"{CURVE}{metric}@{epoch}" for epoch in epochs]
            require_columns(X, names)
            parts.append(_curve(np.column_stack([X.column(name) for name in names]), np.array(epochs, dtype=float)))
        return np.concatenate(parts, axis=1)


def _curve(points: NDArray[np.float64], epochs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points float64[n, t] with their last, highest, mean and slope appended, float64[n, t + 4]."""
    finite = np.isfinite(points)
    some = finite.any(axis=1)
    last = points[np.arange(len(points)), points.shape[1] - 1 - finite[:, ::-1].argmax(axis=1)]
    highest = np.where(finite, points, -np.inf).max(axis=1)
    count = np.maximum(finite.sum(axis=1), 1)
    mean = np.where(finite, points, 0.0).sum(axis=1) / count
    time = np.log1p(epochs)
    centred = np.where(finite, time - (finite * time).sum(axis=1, keepdims=True) / count[:, None], 0.0)
    spread = (centred**2).sum(axis=1)
    rise = (centred * np.where(finite, points, 0.0)).sum(axis=1)
    slope = np.divide(rise, spread, out=np.zeros(len(points)), where=spread > 0)
    trend = np.column_stack([last, highest, mean, slope])
    trend[~some] = np.nan
    return np.concatenate([points, trend], axis=1)
