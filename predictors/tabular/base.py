"""The base class of tabular predictors: encodes architectures as complete rows of numbers, and scales targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from predictors.base import Architectures, Parameters, as_batch, checked_targets, warn_of_few_predictions
from predictors.constant_graphs import score_of_constants
from predictors.encodings import EncodingLike, encoding_parts
from predictors.errors import NotFitted, unknown_name
from predictors.tabular.rows import Rows
from predictors.tabular.targets import TARGETS, TargetScale

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

DEFAULT_ENCODINGS = "reduced+columns"


class Tabular(Parameters):
    """Encodings and a regressor; subclasses define the regressor.

    A subclass defines `_learn(rows, targets)`, which returns the fitted regressor, and may override `_answer`. Rows are
    complete: missing column values are estimated from the rest of the row (`Rows`). Subclasses with a standard
    deviation define `predict_std_rows(rows)`, and `deviation_rows(rows)` for the uncalibrated one.

    All architectures whose output does not depend on the input compute the same function. Whatever the learner says,
    their prediction is the mean target of those in the training set, or the lowest target if there are none.

    Args:
        encodings: names joined by "+" (`predictors.encodings.ENCODINGS`), or encodings.
        columns: whether the columns and node arrays of an ArchBatch (proxies, costs) are used in addition to the graph.
        target: "raw"; "rank" for the normal scores of the targets' ranks, which limits the influence of outliers;
            "mixed" for the mean of "rank" and the standardised targets; "pairwise" to learn which of two architectures
            is better, if the learner supports it. Predictions are in target units only for "raw".
        random_state: seed of all random numbers; equal seeds give equal predictions.
        space: an object with `parse(text) -> ArchGraph`, or a function with that signature; needed if architectures
            are given as text.
    """

    pairwise = False

    def __init__(
        self,
        encodings: EncodingLike = DEFAULT_ENCODINGS,
        columns: bool = True,
        target: str = "rank",
        random_state: int = 0,
        space: Any = None,
    ) -> None:
        self.encodings = encodings
        self.columns = columns
        self.target = target
        self.random_state = random_state
        self.space = space

    def fit(self, X: Architectures, y: ArrayLike) -> Self:
        """Learn from n architectures.

        Raises:
            ValueError: if targets are not finite or not n, there are no architectures, or the learner does not support
                the kind of target.
            UnknownName: if an encoding or the kind of target is unknown.
        """
        batch = as_batch(X, self.space)
        targets = checked_targets(batch, y)
        if len(batch) == 0:
            raise ValueError(f"{type(self).__name__} needs at least one architecture to learn from")
        rows = self.unfitted_rows().fit(batch)
        encoded = rows.transform(batch)
        self.fit_rows(rows, encoded, targets)
        warn_of_few_predictions(type(self).__name__, targets, lambda chosen: self.predict_rows(encoded[chosen]))
        return self

    def fit_rows(self, rows: Rows, encoded: Floats, targets: Floats) -> Self:
        """Like `fit`, but from fitted rows and the encoded training set, so that several learners can share them."""
        if self.target not in TARGETS:
            raise unknown_name("target", self.target, TARGETS)
        if self.target == "pairwise" and not self.pairwise:
            raise ValueError(f"{type(self).__name__} cannot learn from pairs; use target='rank', or gbdt or ridge")
        self.rows_ = rows
        self.scale_ = TargetScale(self.target).fit(targets)
        scaled = self.scale_.transform(targets)
        self.constant_ = score_of_constants(encoded[:, -1] > 0, scaled)
        self.regressor_ = self._learn(encoded, scaled)
        return self

    def predict(self, X: Architectures) -> Floats:
        """Predicted targets, float64[n]. Raises NotFitted before `fit`."""
        return self.predict_rows(self._encoded(X))

    def predict_rows(self, encoded: Floats) -> Floats:
        """Like `predict`, but from rows encoded by `rows_`."""
        if len(encoded) == 0:
            return np.empty(0)
        answer = np.asarray(self._answer(encoded), dtype=np.float64)
        return self.scale_.back(np.where(encoded[:, -1] > 0, self.constant_, answer))

    def unfitted_rows(self) -> Rows:
        """The unfitted encoder of this predictor's rows."""
        return Rows(encoding_parts(self.encodings), self.columns)

    def _encoded(self, X: Architectures) -> Floats:
        if not hasattr(self, "regressor_"):
            raise NotFitted(f"{type(self).__name__} is not fitted; call fit(X, y) first")
        return self.rows_.transform(as_batch(X, self.space))

    def _learn(self, rows: Floats, targets: Floats) -> Any:
        raise NotImplementedError

    def _answer(self, encoded: Floats) -> Any:
        return self.regressor_.predict(encoded)
