"""Several predictors on one training set: rows encoded once and shared, and out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.arch import ArchBatch
from predictors.learner import Learner, UncertainLearner
from predictors.tabular.base import Tabular, UncertainTabular
from predictors.tabular.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Positions = NDArray[np.int64]


class TrainingPart:
    """A training set on which several predictors are fitted.

    Tabular predictors with equal encodings share their rows. Even for out-of-fold predictions, encodings are fitted on
    the whole training set: the labels and paths of held-out architectures are known to the fit, but not their targets.

    Args:
        batch: n architectures.
        targets: float64[n].
    """

    def __init__(self, batch: ArchBatch, targets: Floats) -> None:
        self.batch = batch
        self.targets = targets
        self._rows: dict[str, tuple[Rows, Floats]] = {}

    def fit(self, model: Any, kept: Positions | None = None) -> Any:
        """A copy of the unfitted `model`, fitted on the positions `kept`, or on all of them."""
        return self._fit(model, kept)

    def predictions(self, model: Any, fitted: Any, positions: Positions) -> Floats:
        """Predictions of `fitted` (from `fit(model)`) at these positions of the training set, float64[positions]."""
        return predictions(fitted, self.batch[positions], self._known(model, positions))

    def deviations(self, model: Any, fitted: Any, positions: Positions) -> Floats:
        """Standard deviations that belong to `predictions`."""
        return deviations(fitted, self.batch[positions], self._known(model, positions))

    def cross_fitted(self, model: Any, folds: list[Positions]) -> tuple[Any, Floats]:
        """The model fitted on the whole training set, and what `out_of_fold` predicts, as cheaply as it allows.

        Predictions are NaN for architectures that a model with folds of its own never held out.
        """
        fitted = self.fit(model)
        found = fitted.held_out_scores(folds) if isinstance(fitted, Learner) else None
        return fitted, self.cross_validated(model, folds) if found is None else found

    def cross_validated(self, model: Any, folds: list[Positions]) -> Floats:
        """What `out_of_fold` predicts, of a cheaper model if there is one (`Learner.for_folds`)."""
        return self.out_of_fold(model.for_folds() if isinstance(model, Learner) else model, folds)

    def out_of_fold(self, model: Any, folds: list[Positions]) -> Floats:
        """Out-of-fold prediction for each architecture, float64[n].

        Args:
            model: an unfitted predictor.
            folds: positions to hold out in turn; disjoint, and together all positions.
        """
        predicted = np.empty(len(self.targets))
        for left_out in folds:
            kept = np.setdiff1d(np.arange(len(self.targets)), left_out)
            predicted[left_out] = self.predictions(model, self._fit(model, kept), left_out)
        return predicted

    def _fit(self, model: Any, kept: Positions | None) -> Any:
        fresh = deepcopy(model)
        targets = self.targets if kept is None else self.targets[kept]
        if isinstance(model, Tabular):
            rows, encoded = self._shared(model)
            return fresh.fit_rows(rows, encoded if kept is None else encoded[kept], targets)
        return fresh.fit(self.batch if kept is None else self.batch[kept], targets)

    def _known(self, model: Any, positions: Positions) -> dict[str, Floats]:
        if not isinstance(model, Tabular):
            return {}
        return {repr(model.unfitted_rows()): self._shared(model)[1][positions]}

    def _shared(self, model: Tabular) -> tuple[Rows, Floats]:
        key = repr(model.unfitted_rows())
        if key not in self._rows:
            rows = model.unfitted_rows().fit(self.batch)
            self._rows[key] = (rows, rows.transform(self.batch))
        return self._rows[key]


def predictions(fitted: Any, batch: ArchBatch, known: Mapping[str, Floats]) -> Floats:
    """What a fitted predictor contributes to a combination, float64[n].

    These are its scores, since outliers among the targets would dominate a mean of predictions; or its predictions, if
    they are linear in the scores, or if it has none.

    Args:
        fitted: a fitted predictor.
        batch: architectures to predict.
        known: rows of the batch that are already encoded, by the repr of their encoder.
    """
    if not isinstance(fitted, Learner):
        return np.asarray(fitted.predict(batch), dtype=np.float64)
    scores = fitted.score_rows(_encoded(fitted, known)) if isinstance(fitted, Tabular) else fitted.scores(batch)
    return fitted.units_.back(scores) if fitted.units_.is_straight else scores


def deviations(fitted: Any, batch: ArchBatch, known: Mapping[str, Floats]) -> Floats:
    """Standard deviations of `predictions`, float64[n], or 0 if the predictor has none.

    Those of tabular predictors are not calibrated: code that combines predictors calibrates the combination.
    """
    if not getattr(getattr(fitted, "tags", None), "has_std", False):
        return np.zeros(len(batch))
    if not isinstance(fitted, UncertainLearner):
        return np.asarray(fitted.predict_std(batch))
    if isinstance(fitted, UncertainTabular):
        found = fitted.deviation_rows(_encoded(fitted, known))
    else:
        found = fitted.beliefs(batch)[1]
    return found * fitted.units_.slope if fitted.units_.is_straight else found


def _encoded(fitted: Tabular, known: Mapping[str, Floats]) -> Floats:
    return known[repr(fitted.unfitted_rows())]


def encoded_once(fitted: list[Any], batch: ArchBatch) -> dict[str, Floats]:
    """The `known` argument of `predictions`, for several predictors fitted on one TrainingPart."""
    rows = {repr(model.unfitted_rows()): model.rows_ for model in fitted if isinstance(model, Tabular)}
    return {key: one.transform(batch) for key, one in rows.items()}
