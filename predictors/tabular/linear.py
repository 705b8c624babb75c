"""Ridge regression, and its pairwise version: logistic regression on the difference of two rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from predictors.tabular.base import Tabular
from predictors.tabular.scaling import Scaled
from predictors.targets import sampled_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Ridge(Tabular):
    """Ridge regression; the penalty is chosen by leave-one-out cross-validation on the training set.

    With target "pairwise" the score is linear too, and differences of scores predict which of two architectures is
    better (Herbrich et al., "Large Margin Rank Boundaries for Ordinal Regression", 2000, with the logistic loss).
    """

    pairwise = True

    def _regressor(self, rows: Floats, targets: Floats) -> Any:
        from sklearn.linear_model import RidgeCV

        if self.target == "pairwise":
            return Scaled(LinearRanking(self.random_state)).fit(rows, targets)
        return Scaled(RidgeCV(alphas=np.logspace(-1, 5, 19))).fit(rows, targets)


class LinearRanking:
    """score(x) = w x, with P(i better than j) = 1 / (1 + exp(score(x_j) - score(x_i))).

    Args:
        random_state: seed of the pairs.
        partners: number of pairs per architecture.
        penalty: weight of |w|^2 / 2, which is added to the sum of the loss over pairs.
    """

    def __init__(self, random_state: int, partners: int = 16, penalty: float = 1.0) -> None:
        self.random_state = random_state
        self.partners = partners
        self.penalty = penalty

    def fit(self, rows: Floats, targets: Floats) -> Self:
        """Learn from standardised rows float64[n, d]."""
        from scipy.optimize import minimize

        better, worse = sampled_pairs(targets, self.partners, np.random.default_rng(self.random_state))
        difference = rows[better] - rows[worse]

        def loss(weights: Floats) -> tuple[float, Floats]:
            margin = difference @ weights
            wrong = np.exp(-np.logaddexp(0.0, margin))
            value = np.logaddexp(0.0, -margin).sum() + self.penalty * weights @ weights / 2
            return float(value), self.penalty * weights - difference.T @ wrong

        self.weights_ = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
        return self

    def predict(self, rows: Floats) -> Floats:
        """Scores, float64[n]."""
        return np.asarray(rows @ self.weights_)
