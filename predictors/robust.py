"""Weighted combinations of training-free metrics, and the predictor that fits the weights to a few observations.

He, Shu, Dai, Low: Robustifying and Boosting Training-Free Neural Architecture Search (RoBoT), ICLR 2024: a robust
metric is a weighted sum of normalised metrics (equation 3). The paper finds its weights by Bayesian optimisation
inside a search; here they are fitted to architectures whose performance is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from predictors.base import Architectures, Parameters, Tags, as_batch, checked_targets, warn_of_few_predictions
from predictors.constant_graphs import constants, score_of_constants
from predictors.encodings import Columns
from predictors.errors import NotFitted, unknown_name
from predictors.tabular.targets import spread

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from predictors.arch import ArchBatch

SCALES = ("minmax", "rank", "signed_log")
MISSING = ("middle", "skip")
FAR = 1e6  # ranges of the reference; new values further out are put there, so that sums stay finite
_FAR_SCALE = 1e50  # standard deviations of targets beyond which squares would leave float64, so that they are scaled
COMMON = 4.0  # how much more the metrics' common weight may vary than what each has of its own


class Normaliser:
    """Metrics of different scales to [0, 1], by what a reference population says.

    `minmax` divides by the range (the paper's choice), `signed_log` does so after sign(v) log(1 + |v|), and `rank` is
    the share of the reference below a value, ties counted half. New values may leave [0, 1] with the first two.

    A value that is missing or not finite becomes, with `middle`, the mean of the metric's normalised reference
    values, so that it neither helps nor harms; with `skip` 0, as a left-out term of the sum does (the paper's code).
    A metric without any finite reference value, or with one value only, is 0 everywhere.

    Args:
        scale: one of `SCALES`.
        missing: one of `MISSING`.

    Raises:
        UnknownName: for another scale or rule.
    """

    def __init__(self, scale: str = "rank", missing: str = "middle") -> None:
        if scale not in SCALES:
            raise unknown_name("normalisation", scale, SCALES)
        if missing not in MISSING:
            raise unknown_name("rule for missing values", missing, MISSING)
        self.scale = scale
        self.missing = missing

    def fit(self, metrics: NDArray[np.float64]) -> Self:
        """Learn from the reference, float64[n, m]."""
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
        # In units of the largest reference, because the range of finite values can be infinite.
        low, high = reference[0], reference[-1]
        unit = max(abs(low), abs(high))
        with np.errstate(over="ignore"):
            scaled = (values / unit - low / unit) / (high / unit - low / unit)
        return np.asarray(np.clip(scaled, -FAR, FAR))


class Robust(Parameters):
    """Predicts with a weighted sum of metrics: the columns of the batch and how often each operation occurs.

    The weights are the posterior mean of a Bayesian linear regression whose prior lets all columns share a common
    weight, so that a handful of observations moves them together before it sets them apart. Without columns, as with
    a plain list of graphs, the counts of operations are all there is.

    Args:
        scale: normalisation of the metrics, one of `SCALES`, learned from the training architectures.
        missing: rule for missing values, one of `MISSING`.
        operations: whether counts of operations are metrics too.
        random_state: unused; nothing here is random.

    Attributes:
        names_: of the metrics.
        weights_: float64[m] in [-1, 1], the largest in size 1; all 0 where the targets do not differ.
    """

    tags = Tags(has_std=True)

    def __init__(
        self, scale: str = "rank", missing: str = "middle", operations: bool = True, random_state: int = 0
    ) -> None:
        self.scale = scale
        self.missing = missing
        self.operations = operations
        self.random_state = random_state

    def fit(self, X: Architectures, y: ArrayLike) -> Self:
        """Learn from n architectures. Raises ValueError for targets that are not finite or not n."""
        from sklearn.linear_model import BayesianRidge

        batch = as_batch(X)
        targets = checked_targets(batch, y)
        deviation = spread(targets)
        self.unit_ = deviation if deviation and not 1 / _FAR_SCALE < deviation < _FAR_SCALE else 1.0
        targets = targets / self.unit_
        normaliser = Normaliser(self.scale, self.missing)
        columns = Columns().fit(batch)
        self.columns_ = columns
        self.operations_ = sorted({op for arch in batch for op in arch.ops}) if self.operations else []
        self.names_ = [*columns.names_, *(f"count:{op}" for op in self.operations_)]
        raw = self._raw(batch)
        self.normaliser_ = normaliser.fit(raw)
        rows = self._rows(batch)
        self.centre_ = rows.mean(axis=0)
        self.regression_ = BayesianRidge().fit(rows - self.centre_, targets)
        predicted = self.regression_.predict(rows - self.centre_)
        self.constant_ = score_of_constants(constants(batch), targets, predicted)
        weights = np.asarray(self._own(self.regression_.coef_), dtype=np.float64)
        largest = np.abs(weights).max(initial=0.0)
        self.weights_ = weights / largest if largest > 0 else weights
        warn_of_few_predictions("Robust", targets, lambda chosen: predicted[chosen])
        return self

    def predict(self, X: Architectures) -> NDArray[np.float64]:
        """Predicted targets, float64[n]. Raises NotFitted before `fit`.

        An architecture whose output sees no input has the target of such ones in the training part, or the lowest one.
        """
        batch = self._fitted_batch(X)
        return np.where(constants(batch), self.constant_, self._predict(batch)[0]) * self.unit_

    def predict_std(self, X: Architectures) -> NDArray[np.float64]:
        """Standard deviation of the predicted targets, noise included, float64[n]. Raises NotFitted before `fit`."""
        return self._predict(self._fitted_batch(X))[1] * self.unit_

    def _fitted_batch(self, X: Architectures) -> ArchBatch:
        if not hasattr(self, "regression_"):
            raise NotFitted("Robust is not fitted; call fit(X, y) first")
        return as_batch(X)

    def _predict(self, batch: ArchBatch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if len(batch) == 0:
            return np.empty(0), np.empty(0)
        mean, std = self.regression_.predict(self._rows(batch) - self.centre_, return_std=True)
        return np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64)

    def _raw(self, batch: ArchBatch) -> NDArray[np.float64]:
        """The metrics as they come, float64[n, m]."""
        counts = [[arch.ops.count(op) for op in self.operations_] for arch in batch]
        return np.concatenate(
            [self.columns_.transform(batch), np.array(counts, dtype=np.float64).reshape(len(batch), -1)], axis=1
        )

    def _rows(self, batch: ArchBatch) -> NDArray[np.float64]:
        """Normalised metrics, and the columns' sum as one more: its weight is what they have in common."""
        normalised = self.normaliser_.transform(self._raw(batch))
        columns = normalised[:, : len(self.columns_.names_)]
        if not columns.shape[1]:
            return normalised
        common = np.sqrt(COMMON / columns.shape[1]) * columns.sum(axis=1, keepdims=True)
        return np.concatenate([normalised, common], axis=1)

    def _own(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients of the metrics after the common one is shared out."""
        columns = len(self.columns_.names_)
        if not columns:
            return coefficients
        common = np.sqrt(COMMON / columns) * coefficients[-1]
        own = coefficients[:-1].copy()
        own[:columns] += common
        return own


def _finite(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.isfinite(values)
