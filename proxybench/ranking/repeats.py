"""Student's t for the mean over a few repeats, alone or with architectures resampled too, and over many runs.

The coverage of these intervals is measured in tests/ranking/test_coverage.py. Rank correlations over splits are
nearly normal, and t covers from two repeats on. Results of searches and generators are skewed and end at the optimum:
t with three to ten runs covered 79 to 92 percent there, with 20 at least 91 percent. So fewer runs have no interval.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from predictors.inputs import as_vector
from proxybench.ranking.policy import Floats

FEWEST_RUNS = 20  # whose values may be skewed and tied


class MeanError(NamedTuple):
    """The uncertainty of a mean over repeats.

    Attributes:
        error: its standard error.
        freedom: degrees of freedom of the error.
    """

    error: float
    freedom: float

    def half(self, level: float = 0.95) -> float:
        """Half-width of the confidence interval of the mean."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, (1 + level) / 2)) * self.error

    def p_value(self, mean: float) -> float:
        """Two-sided p-value of the hypothesis that the true mean is zero."""
        from scipy.special import stdtr

        if mean == 0:
            return 1.0
        return float(2 * stdtr(self.freedom, -abs(mean) / self.error)) if self.error else 0.0


def half_interval(values: ArrayLike, level: float = 0.95) -> float | None:
    """Half-width of the interval of the mean of n independent values (Student's t); None for fewer than two."""
    found = as_vector(values)
    return None if len(found) < 2 else over_repeats(found).half(level)


def half_of_runs(values: ArrayLike, level: float = 0.95) -> float | None:
    """The same for the mean over runs of a search or generator; None for fewer than FEWEST_RUNS, or if all agree."""
    found = as_vector(values)
    return None if len(found) < FEWEST_RUNS or np.ptp(found) == 0 else over_repeats(found).half(level)


def over_repeats(values: Floats) -> MeanError:
    """The error of the mean of r >= 2 independent values, r - 1 degrees of freedom."""
    return MeanError(float(np.std(values, ddof=1)) / math.sqrt(len(values)), len(values) - 1)


def over_both(values: Floats, draws: Floats) -> MeanError:
    """The error of a mean over repeats, with both architectures and repeats as sources of variation.

    The bootstrap's variance over architectures holds what each repeat has of its own on each architecture. So of the
    variance between repeats only what exceeds that is added. Where some does, the degrees of freedom are
    Satterthwaite's ("An approximate distribution of estimates of variance components", Biometrics Bulletin 1946);
    where none does, the error is the bootstrap's alone, which needs no t. With two repeats such intervals covered
    down to 87 percent.

    Args:
        values: the metric of each of r >= 3 repeats.
        draws: the same under bootstrap of the architectures, [resamples, r].
    """
    repeats = len(values)
    between = float(np.var(values, ddof=1)) / repeats
    shifts = draws - values
    own = float(np.mean(np.var(shifts, axis=1, ddof=1))) / repeats
    total = float(np.var(draws.mean(axis=1))) + max(0.0, between - own)
    freedom = (repeats - 1) * max(1.0, (total / between) ** 2) if between > own else math.inf
    return MeanError(math.sqrt(total), freedom)
