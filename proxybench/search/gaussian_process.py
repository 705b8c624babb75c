"""A Gaussian process behind two calls, `fit` and `predict`: what Bayesian optimisation here believes with.

Matern 5/2 kernel with one length scale, its size and noise fitted by marginal likelihood (scikit-learn).
"""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np

from proxybench.search.problem import Floats


class GaussianProcess:
    """Regression on rows of numbers, targets standardised.

    Args:
        length_scale: where the fit of the length scale starts; its limits are a hundredth and a hundred times that.
        noise: smallest variance of the noise, in variances of the targets.
    """

    def __init__(self, length_scale: float = 1.0, noise: float = 1e-4) -> None:
        self.length_scale = length_scale
        self.noise = noise

    def fit(self, rows: Floats, targets: Floats) -> Self:
        """Learn from float64[k, d] and float64[k], k >= 1."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import Matern, WhiteKernel

        limits = (self.length_scale / 100, self.length_scale * 100)
        kernel = Matern(self.length_scale, limits, nu=2.5) + WhiteKernel(self.noise, (self.noise, 1.0))
        self._centre = float(targets.mean())
        self._scale = float(targets.std()) or 1.0
        self._model = GaussianProcessRegressor(kernel, optimizer="fmin_l_bfgs_b" if len(targets) > 2 else None)
        with warnings.catch_warnings():
            # A length scale at its limit says that the targets are flat or rough; the fit is what it can be.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(rows, (targets - self._centre) / self._scale)
        return self

    def predict(self, rows: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the targets without noise, float64[n] each."""
        mean, std = self._model.predict(rows, return_std=True)
        noise = self._model.kernel_.k2.noise_level
        std = np.sqrt(np.maximum(std**2 - noise, 0.0))
        return mean * self._scale + self._centre, std * self._scale
