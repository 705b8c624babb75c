"""Calibrated standard deviations: noise, scale and factor estimated from held-out residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.95)
_FEWEST = 10  # with fewer residuals, nothing is calibrated
_SMALLEST = 1e-12


class Spread:
    """Calibrates a predictor's standard deviations d as factor * sqrt((scale * d)^2 + noise^2).

    Trees that agree on an architecture report no uncertainty, however noisy its accuracy is; hence the noise. The noise
    and the scale maximise the normal likelihood of the residuals. Residuals of accuracies have heavy tails, which makes
    these standard deviations too wide for most architectures; hence the factor, see `coverage_factor`.

    Attributes:
        scale_, noise_, factor_: 1, 0 and 1 if fewer than ten residuals are known, or all are 0.
    """

    def fit(self, residuals: Floats, deviations: Floats) -> Self:
        """Calibrate on held-out architectures.

        Args:
            residuals: float64[n], target minus prediction; values that are not finite are ignored.
            deviations: float64[n], the predicted standard deviations.
        """
        from scipy.optimize import minimize

        self.scale_, self.noise_, self.factor_ = 1.0, 0.0, 1.0
        known = np.isfinite(residuals) & np.isfinite(deviations)
        residuals, deviations = residuals[known], deviations[known]
        if len(residuals) < _FEWEST or not residuals.any():
            return self
        unit = float(np.sqrt(np.mean(residuals**2)))
        squares, variances = (residuals / unit) ** 2, (deviations / unit) ** 2

        def loss(logarithms: Floats) -> tuple[float, Floats]:
            scaled, noise = np.exp(2 * logarithms[0]) * variances, np.exp(2 * logarithms[1])
            total = scaled + noise
            slope = (1 - squares / total) / total
            return float(np.mean(np.log(total) + squares / total)), 2 * np.array(
                [np.mean(slope * scaled), np.mean(slope) * noise]
            )

        found = minimize(loss, np.log([1.0, 0.5]), jac=True, method="L-BFGS-B", bounds=[(-5.0, 5.0), (-5.0, 2.0)])
        self.scale_, self.noise_ = float(np.exp(found.x[0])), float(np.exp(found.x[1])) * unit
        self.factor_ = coverage_factor(residuals / self.calibrated(deviations))
        return self

    def calibrated(self, deviations: Floats) -> Floats:
        """Standard deviations of a new measurement, float64[n], all positive."""
        return np.maximum(self.factor_ * np.hypot(self.scale_ * deviations, self.noise_), _SMALLEST)


def coverage_factor(ratios: Floats) -> float:
    """The factor on standard deviations that gives intervals mean +- z * standard deviation their nominal coverage.

    It is the geometric mean of the factors with which the 50, 80 and 95 % intervals reach their nominal coverage.

    Args:
        ratios: residual / standard deviation of held-out architectures.

    Returns:
        The factor; 1 if half of the ratios are 0.
    """
    from scipy.special import ndtri

    # The k-th smallest of n ratios covers k / (n + 1) of new ones.
    reached = np.quantile(np.abs(ratios), LEVELS, method="weibull")
    if not (reached > 0).all():
        return 1.0
    meant = ndtri(0.5 + np.array(LEVELS) / 2)
    return float(np.exp(np.mean(np.log(reached / meant))))
