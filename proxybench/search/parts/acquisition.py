"""Acquisition functions: the value of querying a candidate, given a model's prediction. Larger is better.

All take mean and std, float64[n], and the best value so far, and return float64[n].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from predictors.errors import unknown_name
from proxybench.search.core.problem import Floats

UCB_FACTOR = 2.576  # standard deviations: the upper end of a 99 percent interval
Acquisition = Callable[[Floats, Floats, float, np.random.Generator], Floats]


def upper_confidence(mean: Floats, std: Floats, best: float, rng: np.random.Generator) -> Floats:
    """The mean plus 2.576 standard deviations (Srinivas et al., ICML 2010, with a constant factor)."""
    return mean + UCB_FACTOR * std


def expected_improvement(mean: Floats, std: Floats, best: float, rng: np.random.Generator) -> Floats:
    """E[max(f - best, 0)] for normal f (Jones, Schonlau, Welch, 1998, equation 15)."""
    from scipy.special import ndtr

    gain = mean - best
    scaled = gain / np.maximum(std, 1e-12)
    density = np.exp(-(scaled**2) / 2) / np.sqrt(2 * np.pi)
    return np.where(std > 0, gain * ndtr(scaled) + std * density, np.maximum(gain, 0.0))


def thompson(mean: Floats, std: Floats, best: float, rng: np.random.Generator) -> Floats:
    """One independent draw per candidate (BANANAS, White et al., AAAI 2021: independent Thompson sampling)."""
    return rng.normal(mean, std)


def greedy(mean: Floats, std: Floats, best: float, rng: np.random.Generator) -> Floats:
    """The mean: no exploration."""
    return mean


ACQUISITIONS: dict[str, Acquisition] = {
    "ei": expected_improvement,
    "greedy": greedy,
    "thompson": thompson,
    "ucb": upper_confidence,
}


def acquisition(name: str) -> Acquisition:
    """The function called `name`. Raises UnknownName, suggesting the nearest name."""
    if name not in ACQUISITIONS:
        raise unknown_name("acquisition", name, ACQUISITIONS)
    return ACQUISITIONS[name]
