"""Gradient-boosted trees by LightGBM, on targets or on pairs of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.tabular.base import Tabular
from predictors.targets import sampled_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(eq=False, repr=False, kw_only=True)
class GBDT(Tabular):
    """Gradient-boosted trees by LightGBM (Ke et al., NeurIPS 2017).

    The data used to choose the defaults is not recorded (CONTRIBUTING.md, "Where defaults come from").

    Args:
        rounds: number of boosting rounds.
        learning_rate: shrinkage of each round.
        leaves: maximum number of leaves of a tree.
        min_leaf: minimum number of architectures in a leaf.
        features: fraction of the features that a tree may use.
        penalty: L2 penalty on leaf values.
        encodings, columns, target, space: as in Tabular.
        random_state: seed of row and feature sampling.
        threads: number of LightGBM threads.
    """

    pairwise = True

    rounds: int = 400
    learning_rate: float = 0.04
    leaves: int = 12
    min_leaf: int = 3
    features: float = 0.3
    penalty: float = 3.0
    target: str = "mixed"
    threads: int = 1

    def _regressor(self, rows: Floats, targets: Floats) -> Any:
        from lightgbm import LGBMRegressor

        objective: Any = PairwiseLogistic(self.random_state) if self.target == "pairwise" else None
        return LGBMRegressor(
            n_estimators=self.rounds,
            learning_rate=self.learning_rate,
            num_leaves=self.leaves,
            min_child_samples=self.min_leaf,
            reg_lambda=self.penalty,
            subsample=0.8,
            subsample_freq=1,
            colsample_bytree=self.features,
            random_state=self.random_state,
            n_jobs=self.threads,
            deterministic=True,
            force_row_wise=True,
            verbose=-1,
            objective=objective,
        ).fit(rows, targets)


class PairwiseLogistic:
    """RankNet's loss (Burges et al., 2005, equation 3) as a LightGBM objective, over the same pairs in every round.

    The mean over an architecture's pairs of log(1 + exp(score of the worse - score of the better)).

    Args:
        random_state: seed of the pairs.
        partners: number of pairs drawn per architecture; all pairs are used if there are at most twice as many.
    """

    def __init__(self, random_state: int, partners: int = 64) -> None:
        self.random_state = random_state
        self.partners = partners

    def __call__(self, targets: Floats, scores: Floats) -> tuple[Floats, Floats]:
        """Gradient and diagonal of the Hessian, float64[n] each."""
        n = len(targets)
        better, worse = sampled_pairs(targets, self.partners, np.random.default_rng(self.random_state))
        wrong = np.exp(-np.logaddexp(0.0, scores[better] - scores[worse]))
        curvature = wrong * (1 - wrong)
        count = np.maximum(np.bincount(better, minlength=n) + np.bincount(worse, minlength=n), 1)
        gradient = np.bincount(worse, wrong, n) - np.bincount(better, wrong, n)
        hessian = np.bincount(worse, curvature, n) + np.bincount(better, curvature, n)
        return gradient / count, np.maximum(hessian / count, 1e-6)
