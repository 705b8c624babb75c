"""Weighted combinations of training-free metrics, and a predictor that fits the weights to a few observations.

He, Shu, Dai, Low: Robustifying and Boosting Training-Free Neural Architecture Search (RoBoT), ICLR 2024: a robust
metric is a weighted sum of normalised metrics (equation 3). The paper finds the weights by Bayesian optimisation
during a search; here they are fitted to architectures with known performance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from predictors.constant_graphs import constants, score_of_constants
from predictors.encodings import Columns
from predictors.errors import unknown_name
from predictors.learner import UncertainLearner
from predictors.targets import spread
from predictors.units import Units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from predictors.arch import ArchBatch
    from predictors.learner import TrainingScores

SCALES = ("minmax", "rank", "signed_log")
MISSING = ("middle", "skip")
FAR = 1e6  # normalised values are clipped at this magnitude, so that sums stay finite
_FAR_SCALE = 1e50  # targets with larger or reciprocally small standard deviations are rescaled, to keep their squares
COMMON = 4.0  # prior variance of the common weight, summed over columns, relative to that of each column's own weight


class Normaliser:
    """Normalises metrics of different scales to [0, 1] by a reference population.

    `minmax` divides by the range (the paper's choice), `signed_log` does the same after sign(v) log(1 + |v|), and
    `rank` is the fraction of reference values below the value, with ties counted half. With the first two, new values
    may be outside [0, 1].

    With `middle`, missing or non-finite values become the mean of the metric's normalised reference values, so that
    they neither help nor harm; with `skip` they become 0, which omits the term from the sum (the paper's code). Metrics
    without finite reference values, or with only one distinct value, are 0 everywhere.

    Args:
        scale: one of `SCALES`.
        missing: one of `MISSING`.

    Raises:
        UnknownName: if the scale or rule is unknown.
    """

    def __init__(self, scale: str = "rank", missing: str = "middle") -> None:
        if scale not in SCALES:
            raise unknown_name("normalisation", scale, SCALES)
        if missing not in MISSING:
            raise unknown_name("rule for missing values", missing, MISSING)
        self.scale = scale
        self.missing = missing

    def fit(self, metrics: NDArray[np.float64]) -> Self:
        """Learn from the reference population, float64[n, m]."""
        self.references_ = [self._stretched(column[_finite(column)]) for column in metrics.T]
        return self

    def transform(self, metrics: NDArray[np.float64]) -> NDArray[np.float64]:
        """Normalised metrics, float64[n, m], without NaN."""
        normalised = np.zeros(metrics.shape)
        for place, reference in enumerate(self.references_):
            if len(reference) == 0 or reference[0] == reference[-1]:
                continue
            there = _finite(metrics[:, place])
            normalised[there, place] = self._scaled(self._stretched(metrics[there, place], order=False), reference)
            if self.missing == "middle":
                normalised[~there, place] = self._scaled(reference, reference).mean()
        return normalised

    def _stretched(self, values: NDArray[np.float64], order: bool = True) -> NDArray[np.float64]:
        stretched = np.sign(values) * np.log1p(np.abs(values)) if self.scale == "signed_log" else values
        return np.sort(stretched) if order else stretched

    def _scaled(self, values: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.scale == "rank":
            below = np.searchsorted(reference, values, side="left")
            return (below + np.searchsorted(reference, values, side="right")) / (2.0 * len(reference))
        # In units of the largest reference value, because the range of finite values can overflow to infinity.
        low, high = reference[0], reference[-1]
        unit = max(abs(low), abs(high))
        with np.errstate(over="ignore"):
            scaled = (values / unit - low / unit) / (high / unit - low / unit)
        return np.asarray(np.clip(scaled, -FAR, FAR))


@dataclass(eq=False, repr=False, kw_only=True)
class Robust(UncertainLearner):
    """Predicts with a weighted sum of metrics: the columns of the batch and the count of each operation.

    The weights are the posterior mean of a Bayesian linear regression. Its prior lets all columns share a common
    weight, so a handful of observations moves all weights together before they differ. Without columns, as with a plain
    list of graphs, only operation counts are used. Architectures whose output does not depend on the input get the mean
    target of those in the training set, or the lowest target or prediction. Standard deviations include noise.

    Args:
        scale: normalisation of the metrics, one of `SCALES`, learned from the training architectures.
        missing: rule for missing values, one of `MISSING`.
        operations: whether operation counts are used as metrics too.
        random_state: unused; the fit is deterministic.
        space: as in `predictors.learner.Learner`.

    Attributes:
        names_: names of the metrics.
        weights_: float64[m] in [-1, 1], with maximum absolute value 1; all 0 if the targets do not differ.
    """

    scale: str = "rank"
    missing: str = "middle"
    operations: bool = True
    random_state: int = 0
    space: Any = None

    def _learn(self, batch: ArchBatch, targets: NDArray[np.float64]) -> TrainingScores:
        from sklearn.linear_model import BayesianRidge

        deviation = spread(targets)
        unit = deviation if deviation and not 1 / _FAR_SCALE < deviation < _FAR_SCALE else 1.0
        targets = targets / unit
        self.columns_ = Columns().fit(batch)
        self.operations_ = sorted({op for arch in batch for op in arch.ops}) if self.operations else []
        self.names_ = [*self.columns_.names_, *(f"count:{op}" for op in self.operations_)]
        self.normaliser_ = Normaliser(self.scale, self.missing).fit(self._raw(batch))
        rows = self._rows(batch)
        self.centre_ = rows.mean(axis=0)
        self.regression_ = BayesianRidge().fit(rows - self.centre_, targets)
        predicted = self.regression_.predict(rows - self.centre_)
        self.constant_ = score_of_constants(constants(batch), targets, predicted)
        weights = np.asarray(self._own(self.regression_.coef_), dtype=np.float64)
        largest = np.abs(weights).max(initial=0.0)
        self.weights_ = weights / largest if largest > 0 else weights
        self.units_ = Units.straight(0.0, unit)
        return lambda chosen: np.asarray(predicted[chosen])

    def _scores(self, batch: ArchBatch) -> NDArray[np.float64]:
        return self._beliefs(batch)[0]

    def _beliefs(self, batch: ArchBatch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if len(batch) == 0:
            return np.empty(0), np.empty(0)
        mean, std = self.regression_.predict(self._rows(batch) - self.centre_, return_std=True)
        return np.where(constants(batch), self.constant_, mean), np.asarray(std, dtype=np.float64)

    def _raw(self, batch: ArchBatch) -> NDArray[np.float64]:
        """The metrics before normalisation, float64[n, m]."""
        counts = [[arch.ops.count(op) for op in self.operations_] for arch in batch]
        return np.concatenate(
            [self.columns_.transform(batch), np.array(counts, dtype=np.float64).reshape(len(batch), -1)], axis=1
        )

    def _rows(self, batch: ArchBatch) -> NDArray[np.float64]:
        """Normalised metrics, plus the sum of the columns, whose weight is their common weight."""
        normalised = self.normaliser_.transform(self._raw(batch))
        columns = normalised[:, : len(self.columns_.names_)]
        if not columns.shape[1]:
            return normalised
        common = np.sqrt(COMMON / columns.shape[1]) * columns.sum(axis=1, keepdims=True)
        return np.concatenate([normalised, common], axis=1)

    def _own(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients of the metrics after adding the common one to those of the columns."""
        columns = len(self.columns_.names_)
        if not columns:
            return coefficients
        common = np.sqrt(COMMON / columns) * coefficients[-1]
        own = coefficients[:-1].copy()
        own[:columns] += common
        return own


def _finite(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.isfinite(values)
