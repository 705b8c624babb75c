"""The base class of tabular predictors: encodes architectures as complete rows of numbers, and scales targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from predictors.calibration import Spread
from predictors.constant_graphs import score_of_constants
from predictors.encodings import EncodingLike, encoding_parts
from predictors.learner import AT_ONCE, Learner, UncertainLearner
from predictors.tabular.rows import Rows
from predictors.targets import scaled, spread
from predictors.units import Units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from predictors.arch import ArchBatch
    from predictors.learner import TrainingScores

    Floats = NDArray[np.float64]

DEFAULT_ENCODINGS = "reduced+columns"


@dataclass(eq=False, repr=False, kw_only=True)
class Tabular(Learner):
    """Encodings and a regressor; subclasses define the regressor.

    A subclass defines `_regressor(rows, targets)`, which returns the fitted regressor, and may override `_answer`. Rows
    are complete: missing column values are estimated from the rest of the row (`Rows`).

    All architectures whose output does not depend on the input compute the same function. Whatever the learner says,
    their prediction is the mean target of those in the training set, or the lowest target if there are none.

    Args:
        encodings: names joined by "+" (`predictors.encodings.ENCODINGS`), or encodings.
        columns: whether the columns and node arrays of an ArchBatch (proxies, costs) are used in addition to the graph.
        target: what is learned: "raw" for the targets; "rank" for the normal scores of their ranks, which limits the
            influence of outliers; "mixed" for the mean of "rank" and the standardised targets; "pairwise" for which of
            two architectures is better, if the learner supports it.
        random_state: seed of all random numbers; equal seeds give equal predictions.
        space: an object with `parse(text) -> ArchGraph`, or a function with that signature; needed if architectures
            are given as text.
    """

    pairwise = False
    at_once = AT_ONCE

    encodings: EncodingLike = DEFAULT_ENCODINGS
    columns: bool = True
    target: str = "rank"
    random_state: int = 0
    space: Any = None

    def fit_rows(self, rows: Rows, encoded: Floats, targets: Floats) -> Self:
        """Like `fit`, but from fitted rows and the encoded training set, so that several learners can share them."""
        learned = scaled(targets, self.target, self.pairwise)
        self.rows_ = rows
        self.constant_ = score_of_constants(encoded[:, -1] > 0, learned)
        self.regressor_ = self._regressor(encoded, learned)
        if self.target == "raw":
            self.units_ = Units.straight(float(targets.mean()), spread(targets) or 1.0)
        else:
            self.units_ = Units.through(self.score_rows(encoded) if self.target == "pairwise" else learned, targets)
        return self

    def score_rows(self, encoded: Floats) -> Floats:
        """Like `scores`, but from rows encoded by `rows_`."""
        if len(encoded) == 0:
            return np.empty(0)
        answer = np.asarray(self._answer(encoded), dtype=np.float64)
        return np.where(encoded[:, -1] > 0, self.constant_, answer)

    def belief_rows(self, encoded: Floats) -> tuple[Floats, Floats]:
        """Like `beliefs`, but from rows encoded by `rows_`."""
        return self.score_rows(encoded), np.zeros(len(encoded))

    def unfitted_rows(self) -> Rows:
        """The unfitted encoder of this predictor's rows."""
        return Rows(encoding_parts(self.encodings), self.columns)

    def _learn(self, batch: ArchBatch, targets: Floats) -> TrainingScores:
        rows = self.unfitted_rows().fit(batch)
        encoded = rows.transform(batch)
        self.fit_rows(rows, encoded, targets)
        return lambda chosen: self.score_rows(encoded[chosen])

    def _scores(self, batch: ArchBatch) -> Floats:
        return self.score_rows(self.rows_.transform(batch))

    def _beliefs(self, batch: ArchBatch) -> tuple[Floats, Floats]:
        return self.belief_rows(self.rows_.transform(batch))

    def _regressor(self, rows: Floats, targets: Floats) -> Any:
        raise NotImplementedError

    def _answer(self, encoded: Floats) -> Any:
        return self.regressor_.predict(encoded)


class UncertainTabular(Tabular, UncertainLearner):
    """A tabular predictor with standard deviations, calibrated on held-out residuals when they are first needed.

    A subclass also defines `deviation_rows` and `_left_out`.
    """

    spread_: Spread | None

    def fit_rows(self, rows: Rows, encoded: Floats, targets: Floats) -> Self:
        self.spread_ = None
        return super().fit_rows(rows, encoded, targets)

    def belief_rows(self, encoded: Floats) -> tuple[Floats, Floats]:
        if len(encoded) == 0:
            return np.empty(0), np.empty(0)
        if self.spread_ is None:
            self.spread_ = Spread().fit(*self._left_out())
        return self.score_rows(encoded), self.spread_.calibrated(self.deviation_rows(encoded))

    def deviation_rows(self, encoded: Floats) -> Floats:
        """Standard deviations of the scores that are not calibrated, float64[n], from rows encoded by `rows_`."""
        raise NotImplementedError

    def _left_out(self) -> tuple[Floats, Floats]:
        """Held-out residuals of the scaled targets, and their standard deviations, float64[k] each."""
        raise NotImplementedError
