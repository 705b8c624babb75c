"""Standard deviations that hold: noise, a scale and a factor from residuals of what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.95)
_FEWEST = 10  # residuals below which they say too little
_SMALLEST = 1e-12


class Spread:
    """A predictor's standard deviations d, as factor * sqrt((scale * d)^2 + noise^2).

    Trees that agree on an architecture are sure of it, whatever the noise of its accuracy; hence the noise. It and the
    scale have the highest normal likelihood of the residuals. Residuals of accuracies have heavy tails, and then these
    deviations are too wide for most architectures; hence the factor, see `coverage_factor`.

    Attributes:
        scale_, noise_, factor_: 1, 0 and 1 where fewer than ten residuals are known, or all are 0.
    """

    def fit(self, residuals: Floats, deviations: Floats) -> Self:
        """Learn from architectures that a fit did not see.

        Args:
            residuals: float64[n], target minus prediction; those that are not finite do not count.
            deviations: float64[n], what the predictor said.
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
        """Standard deviations float64[n] of a new measurement, all positive."""
        return np.maximum(self.factor_ * np.hypot(self.scale_ * deviations, self.noise_), _SMALLEST)


def coverage_factor(ratios: Floats) -> float:
    """What standard deviations are multiplied by, so that intervals mean +- z * deviation cover what they say.

    The geometric mean, over 50, 80 and 95 % intervals, of the factor with which each covers its share.

    Args:
        ratios: residual / standard deviation of architectures that a fit did not see.

    Returns:
        The factor; 1 where half of the ratios are 0.
    """
    from scipy.special import ndtri

    # Of n ratios the k-th smallest covers k / (n + 1) of new ones.
    reached = np.quantile(np.abs(ratios), LEVELS, method="weibull")
    if not (reached > 0).all():
        return 1.0
    meant = ndtri(0.5 + np.array(LEVELS) / 2)
    return float(np.exp(np.mean(np.log(reached / meant))))
