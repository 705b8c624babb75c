"""A Gaussian process with two methods, `fit` and `predict`: the model of Bayesian optimisation.

Matern 5/2 kernel with one length scale. scikit-learn fits length scale and noise by marginal likelihood whenever the
data has doubled; in between the posterior is computed here, which takes a tenth of the time.

The predictor's process (`predictors.tabular.blockwise_gp`) computes the covariances, but not the posterior: it puts a
prior on its hyperparameters and fits them every time, and it predicts new measurements, whose noise an acquisition
function must not see. Searches with it would ask other candidates.
"""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np

from predictors.tabular.blockwise_gp import covariance, squared
from proxybench.search.core.problem import Floats

GROWTH = 2.0  # times the rows of the last fit of length scale and noise before they are fitted again
_FEWEST = 3  # minimum number of rows to fit a length scale


class GaussianProcess:
    """Regression on rows of numbers, with standardised targets. For growing data: call `fit` again with more rows.

    Args:
        length_scale: starting value of the length scale; its limits are a hundredth and a hundred times that.
        noise: smallest variance of the noise, relative to the variance of the targets.
    """

    def __init__(self, length_scale: float = 1.0, noise: float = 1e-4) -> None:
        self.length_scale = length_scale
        self.noise = noise
        self._length, self._noise = length_scale, noise
        self._tuned_at = 0

    def fit(self, rows: Floats, targets: Floats) -> Self:
        """Learn from float64[k, d] and float64[k], k >= 1."""
        self._centre = float(targets.mean())
        self._scale = float(targets.std()) or 1.0
        standard = (targets - self._centre) / self._scale
        if len(rows) >= max(_FEWEST, GROWTH * self._tuned_at):
            self._tune(rows, standard)
        self._rows = rows
        covariance = matern(rows, rows, self._length) + self._noise * np.eye(len(rows))
        self._whiten = np.linalg.inv(np.linalg.cholesky(covariance))
        self._weights = self._whiten.T @ (self._whiten @ standard)
        return self

    def predict(self, rows: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the targets without noise, float64[n] each."""
        cross = matern(rows, self._rows, self._length)
        explained = np.square(cross @ self._whiten.T).sum(axis=1)
        std = np.sqrt(np.maximum(1.0 - explained, 0.0))
        return cross @ self._weights * self._scale + self._centre, std * self._scale

    def _tune(self, rows: Floats, standard: Floats) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import Matern, WhiteKernel

        limits = (self.length_scale / 100, self.length_scale * 100)
        kernel = Matern(self.length_scale, limits, nu=2.5) + WhiteKernel(self.noise, (self.noise, 1.0))
        with warnings.catch_warnings():
            # A length scale at its limit means that the targets are flat or rough; the fit is still usable.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = GaussianProcessRegressor(kernel).fit(rows, standard).kernel_
        self._length, self._noise = float(fitted.k1.length_scale), float(fitted.k2.noise_level)
        self._tuned_at = len(rows)


def matern(rows: Floats, others: Floats, length: float) -> Floats:
    """Matern 5/2 covariances of unit variance, float64[n, m] (Rasmussen and Williams, 2006, equation 4.17)."""
    return covariance(squared(rows, others), 5 / length**2, 1.0)
