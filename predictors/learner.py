"""The base class of this package's predictors: their input is checked and their answers are converted in one place.

A learner ranks architectures by scores on any scale; `predict` converts them to the units of the targets without
changing their order (`predictors.units`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from predictors.base import (
    Architectures,
    Parameters,
    Tags,
    as_batch,
    checked_targets,
    require_graphs,
    warn_of_few_predictions,
)
from predictors.errors import NotFitted
from predictors.units import Units

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from predictors.arch import ArchBatch

    Floats = NDArray[np.float64]
    Positions = NDArray[np.int64]
    TrainingScores = Callable[[Positions], Floats]


AT_ONCE = 32_768  # architectures whose rows of several hundred numbers take some 500 MB with all copies


class Learner(Parameters):
    """A predictor with a `space`; subclasses learn and score.

    A subclass defines `_learn(batch, targets)`, which sets `units_` and returns a function from positions int64[k] in
    the training set to scores float64[k]; and `_scores(batch)`, float64[n], on the scale that `units_` converts.

    Attributes:
        space: an object with `parse(text) -> ArchGraph`, or a function with that signature, for architectures given as
            text; None if they are not.
        fewest: minimum number of architectures to learn from.
        needs_graphs: whether it learns nothing from architectures that are described by columns alone.
        at_once: number of architectures that are scored at once, so that a whole space of them fits in memory; None for
            all, if the score of an architecture may depend on the others.
        units_: converts scores to the units of the targets.
    """

    fewest: ClassVar[int] = 1
    needs_graphs: ClassVar[bool] = False
    at_once: ClassVar[int | None] = None
    space: Any
    units_: Units

    def fit(self, X: Architectures, y: ArrayLike) -> Self:
        """Learn from n architectures and their targets, where larger is better.

        Warns:
            ConstantPredictions: if the predictor hardly distinguishes the architectures, although their targets differ.

        Raises:
            ValueError: if targets are not finite or not n, there are too few architectures, or an argument of the
                constructor is out of range.
            UnknownName: if an argument of the constructor names something unknown.
            MissingInput: if the architectures lack graphs or node arrays that the predictor needs.
        """
        batch = self._batch(X)
        targets = checked_targets(batch, y)
        if len(targets) < self.fewest:
            few = "one architecture" if self.fewest == 1 else f"{self.fewest} architectures"
            raise ValueError(f"{type(self).__name__} needs at least {few} to learn from, not {len(targets)}")
        if self.needs_graphs:
            require_graphs(batch, type(self).__name__)
        scores = self._learn(batch, targets)
        warn_of_few_predictions(type(self).__name__, targets, scores, **self._few_predictions())
        return self

    def predict(self, X: Architectures) -> Floats:
        """Predictions in the units of the targets, float64[n].

        Raises:
            NotFitted: before `fit`.
            UnknownName: if X lacks columns or node arrays that the training set had.
        """
        scores = self.scores(X)
        return self.units_.back(scores)

    def scores(self, X: Architectures) -> Floats:
        """The scores behind `predict`, float64[n]: in the same order, on the learner's own scale. Raises as it does."""
        return np.concatenate([self._scores(part) for part in self._parts(X)])

    def beliefs(self, X: Architectures) -> tuple[Floats, Floats]:
        """The scores and their standard deviations, which are 0 if unknown, float64[n] each. Raises as `predict`."""
        means, deviations = zip(*(self._beliefs(part) for part in self._parts(X)), strict=True)
        return np.concatenate(means), np.concatenate(deviations)

    def held_out_scores(self, folds: Sequence[Positions]) -> Floats | None:
        """Out-of-fold scores of the training architectures that this fit yields without another one.

        Args:
            folds: positions in the training set, disjoint, and together all of it. A predictor that held out folds of
                its own uses these instead.

        Returns:
            float64[n], NaN for architectures that were never held out; None if further fits are needed.
        """
        return None

    def for_folds(self) -> Self:
        """The unfitted predictor to cross-validate in place of this one: cheaper, if the order is about the same."""
        return self

    def _learn(self, batch: ArchBatch, targets: Floats) -> TrainingScores:
        raise NotImplementedError

    def _scores(self, batch: ArchBatch) -> Floats:
        raise NotImplementedError

    def _beliefs(self, batch: ArchBatch) -> tuple[Floats, Floats]:
        return self._scores(batch), np.zeros(len(batch))

    def _batch(self, X: Architectures) -> ArchBatch:
        return as_batch(X, self.space)

    def _known(self, X: Architectures) -> ArchBatch:
        """X as a batch, if this predictor is fitted."""
        if not hasattr(self, "units_"):
            raise NotFitted(f"{type(self).__name__} is not fitted; call fit(X, y) first")
        return self._batch(X)

    def _parts(self, X: Architectures) -> Iterator[ArchBatch]:
        """The architectures as batches of at most `at_once`; one batch if there are none."""
        batch = self._known(X)
        if self.at_once is None or len(batch) <= self.at_once:
            yield batch
            return
        for start in range(0, len(batch), self.at_once):
            yield batch[start : start + self.at_once]

    def _few_predictions(self) -> dict[str, Any]:
        """Further arguments of `warn_of_few_predictions`."""
        return {}


class UncertainLearner(Learner):
    """A learner with standard deviations; subclasses also define `_beliefs(batch)`."""

    tags = Tags(has_std=True)

    def predict_std(self, X: Architectures) -> Floats:
        """Standard deviations in the units of the targets, float64[n], all above 0. Raises as `predict` does."""
        beliefs = self.beliefs(X)
        return self.units_.width(*beliefs)
