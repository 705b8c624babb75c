"""Intervals with guaranteed coverage: split conformal prediction around any predictor.

Papadopoulos et al.: Inductive Confidence Machines for Regression, ECML 2002; Lei et al.: Distribution-Free Predictive
Inference for Regression, JASA 2018, theorem 2.2 (split) and section 5.2 (residuals divided by predicted deviations).
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from predictors.base import Architectures, Parameters, as_batch, checked_targets
from predictors.errors import NotFitted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_ROUNDING = 1e-9  # of (n + 1) * level, which is a whole number more often than in floating point


def conformal_quantile(scores: Floats, level: float) -> float:
    """The k-th smallest of n scores, k = ceil((n + 1) * level); infinity if k is above n.

    A new score that is exchangeable with these is at most this with probability `level` or more, and, if no two are
    equal, with probability k / (n + 1), which is below level + 1 / (n + 1).

    Args:
        scores: float64[n], in any order.
        level: between 0 and 1, both excluded.

    Raises:
        ValueError: if the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must be above 0 and below 1, such as 0.9")
    k = math.ceil((len(scores) + 1) * level - _ROUNDING)
    return float(np.partition(scores, k - 1)[k - 1]) if k <= len(scores) else math.inf


@dataclass(eq=False, repr=False, kw_only=True)
class Conformal(Parameters):
    """A predictor with intervals that cover a new target with at least the chosen probability.

    The predictor learns from a random part of the training architectures. Its residuals on the others, divided by its
    standard deviations if it predicts any, decide how wide intervals are. The guarantee holds if new architectures are
    exchangeable with those of the training set, such as two random parts of one table, however poor the predictor and
    its standard deviations are. It is an average over training sets and new architectures. It says nothing about an
    architecture that a search chose because its prediction is high.

    Args:
        predictor: an unfitted predictor; `fit` learns with a copy of it.
        share: share of the training architectures that the predictor does not learn from. With n of them, levels above
            n / (n + 1) have infinite intervals: 19 are enough for 95 percent.
        random_state: seed of the parts.

    Attributes:
        predictor_: the fitted predictor.
        scores_: float64[n], the absolute residuals of the n architectures kept out, divided by the standard deviations.
    """

    predictor: Any
    share: float = 0.25
    random_state: int = 0

    def fit(self, X: Architectures, y: ArrayLike) -> Self:
        """Learn from a part of the architectures, and keep the residuals of the others.

        Raises:
            ValueError: if `share` leaves no architecture for one of the parts, or targets are not finite.
        """
        batch = as_batch(X, getattr(self.predictor, "space", None))
        targets = checked_targets(batch, y)
        kept_out = round(self.share * len(batch))
        if not 0 < kept_out < len(batch):
            raise ValueError(
                f"share={self.share} of {len(batch)} architectures keeps {kept_out} out; both parts need at least one"
            )
        order = np.random.default_rng(self.random_state).permutation(len(batch))
        held, learned = np.sort(order[:kept_out]), np.sort(order[kept_out:])
        self.predictor_ = deepcopy(self.predictor).fit(batch[learned], targets[learned])
        means, widths = self._beliefs(batch[held])
        self.scores_: Floats = np.abs(targets[held] - means) / widths
        return self

    def predict(self, X: Architectures) -> Floats:
        """Predictions in the units of the targets, float64[n]. Raises NotFitted before `fit`."""
        return self._beliefs(X)[0]

    def predict_interval(self, X: Architectures, level: float = 0.9) -> Floats:
        """The lower and the upper limit for each architecture, in the units of the targets, float64[n, 2].

        Args:
            X: n architectures.
            level: the least probability that an interval covers the target.

        Raises:
            NotFitted: before `fit`.
            ValueError: if the level is not between 0 and 1.
        """
        means, widths = self._beliefs(X)
        half = conformal_quantile(self.scores_, level) * widths
        return np.column_stack([means - half, means + half])

    def _beliefs(self, X: Architectures) -> tuple[Floats, Floats]:
        """Predictions, and the standard deviations or 1, float64[n] each."""
        if not hasattr(self, "predictor_"):
            raise NotFitted("Conformal is not fitted; call fit(X, y) first")
        means: Floats = self.predictor_.predict(X)
        has_std = getattr(getattr(self.predictor_, "tags", None), "has_std", False)
        return means, self.predictor_.predict_std(X) if has_std else np.ones(len(means))
