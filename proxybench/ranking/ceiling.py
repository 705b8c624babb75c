"""What the noise of the target lets any ranking reach: even the true expected quality does not reach tau 1.

A target is measured by training, and training again gives another value. Two figures say how much that limits:

- Seed-to-seed tau: Kendall's tau-b of the order under one seed with the order under another. It assumes nothing.
- The attainable tau: that of the true expected values with the mean of the measured seeds, which is what methods are
  scored against. It needs a model, since the truth is not known: the measured means stand for the true values; the
  noise of a seed is normal and independent, with a variance that is a smooth function of the mean (pooled over
  neighbours in the ranking); and one factor on its scale is chosen so that the model's seed-to-seed tau is the
  measured one. This corrects for both the extra spread of means and a biased variance. For normal truths with equal
  noise it is exact in the limit of many architectures; heavy tails, such as runs that diverge at random, it does not
  see.

One bound needs no model: if a single measurement orders a pair of architectures as the truth does with chance p, the
seed-to-seed tau is the mean of (2p - 1)^2 and the attainable tau for one seed is the mean of 2p - 1, so by Jensen's
inequality attainable tau <= sqrt(seed-to-seed tau) for a target of one seed.

Where no architecture has two seeds the ceiling is unknown: None, never 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from predictors.inputs import as_floats
from proxybench.ranking.bootstrap import bootstrap_metrics, worth_compiling
from proxybench.ranking.correlation import kendall
from proxybench.ranking.intervals import Interval, percentile_interval
from proxybench.ranking.policy import Floats

_SIMULATIONS = 5
_LARGEST_FACTOR = 1e6  # beyond, the seeds disagree in architectures that show no variance, and no noise explains it
_NEIGHBOURS = 100  # architectures whose variances are pooled; fewer where there are fewer than twice as many


@dataclass(frozen=True)
class NoiseCeiling:
    """How far a ranking can agree with a noisy target.

    Attributes:
        seed_to_seed: mean tau-b of two single seeds, over all pairs of seeds, with its interval over architectures.
        attainable: modelled tau-b of the true values with the mean over seeds; its interval carries over that of
            `seed_to_seed` and nothing else.
        one_seed_bound: the square root of the seed-to-seed tau, above what is attainable against one seed.
        repeated: how many architectures have two seeds or more.
        architectures: how many have any.
    """

    seed_to_seed: Interval
    attainable: Interval
    one_seed_bound: float
    repeated: int
    architectures: int


def noise_ceiling(
    seeds: ArrayLike, averaged: int | None = None, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> NoiseCeiling | None:
    """The ceiling that a target measured with several seeds sets.

    Args:
        seeds: target per architecture and seed [n, s], NaN where a seed was not run.
        averaged: against the mean of how many seeds methods are scored; each architecture's own number unless given.
        resamples: of the seed-to-seed interval.
        seed: of the resamples and of the simulation.
        level: nominal coverage of the intervals.

    Returns:
        None where the ceiling is unknown: no pair of seeds has a defined tau, or it is not above zero.

    Raises:
        ValueError: unless `seeds` is a table and `averaged` is at least one.
    """
    table = _table(seeds)
    if averaged is not None and averaged < 1:
        raise ValueError(f"a target is the mean of at least one seed, not {averaged}")
    between = seed_to_seed_tau(table, resamples, seed, level)
    if between is None or between.value <= 0:
        return None
    model = _NoiseModel.fit(table, averaged, seed)
    value, low, high = (model.attainable(tau) for tau in (between.value, between.low, between.high))
    counts = np.isfinite(table).sum(axis=1)
    return NoiseCeiling(
        seed_to_seed=between,
        attainable=Interval(value, low, high, level, between.resamples),
        one_seed_bound=math.sqrt(between.value),
        repeated=int((counts > 1).sum()),
        architectures=int((counts > 0).sum()),
    )


def seed_to_seed_tau(seeds: ArrayLike, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> Interval | None:
    """Mean tau-b of one seed's order with another's, over the pairs of seeds, each on the architectures with both.

    Returns:
        The mean with its interval over architectures, all pairs under the same resamples; None where no pair of
        seeds has a defined tau.

    Raises:
        ValueError: unless `seeds` is a table.
    """
    table = _table(seeds)
    pairs = [
        pair
        for pair in itertools.combinations(range(table.shape[1]), 2)
        if not math.isnan(kendall(table[:, pair[0]], table[:, pair[1]]))
    ]
    if not pairs:
        return None
    value = float(np.mean([kendall(table[:, first], table[:, second]) for first, second in pairs]))
    compiled = worth_compiling(len(pairs) * resamples, len(table))
    draws = [
        bootstrap_metrics(table[:, first], table[:, second], ("kendall",), resamples, seed, compiled=compiled)
        for first, second in pairs
    ]
    return percentile_interval(value, np.mean([draw["kendall"][:, 0] for draw in draws], axis=0), level)


def share_of_ceiling(tau: float, ceiling: float | None) -> float | None:
    """A tau as a share of the attainable one; None where the ceiling is unknown. It is not cut off at one."""
    if ceiling is None or not ceiling > 0 or math.isnan(tau):
        return None
    return tau / ceiling


@dataclass(frozen=True)
class _NoiseModel:
    """Measured means as the truth, and normal noise of one seed with a common factor on its scale.

    Attributes:
        truth: mean over seeds, float64[n].
        deviation: standard deviation of one seed, float64[n].
        averaged: seeds in the target's mean, float64[n].
        noise: standard normal, float64[simulations, 2, n]; the same for every factor, so that tau falls smoothly.
    """

    truth: Floats
    deviation: Floats
    averaged: Floats
    noise: Floats

    @classmethod
    def fit(cls, table: Floats, averaged: int | None, seed: int) -> _NoiseModel:
        counts = np.isfinite(table).sum(axis=1)
        table, counts = table[counts > 0], counts[counts > 0]
        truth = np.nanmean(table, axis=1)
        squares = np.nansum((table - truth[:, None]) ** 2, axis=1)
        return cls(
            truth=truth,
            deviation=np.sqrt(_pooled(truth, squares, counts - 1.0)),
            averaged=counts.astype(np.float64) if averaged is None else np.full(len(truth), float(averaged)),
            noise=np.random.default_rng((seed, _SIMULATIONS, 2)).standard_normal((_SIMULATIONS, 2, len(truth))),
        )

    def attainable(self, between: float) -> float:
        """Tau of the truth with the mean over seeds, the noise scaled so that the seed-to-seed tau is `between`."""
        if math.isnan(between) or between <= 0:
            return math.nan
        if between >= self._between(0) - 1e-12:
            return 1.0
        high = 1.0
        while self._between(high) > between:
            high *= 2
            if high > _LARGEST_FACTOR:
                return math.nan
        factor = _root(lambda scale: self._between(scale) - between, 0.0, high)
        mean_noise = factor * self.deviation / np.sqrt(self.averaged)
        return float(np.mean([kendall(self.truth, self.truth + mean_noise * draw[0]) for draw in self.noise]))

    def _between(self, factor: float) -> float:
        scale = factor * self.deviation
        return float(
            np.mean([kendall(self.truth + scale * one, self.truth + scale * other) for one, other in self.noise])
        )


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that falls crosses zero, between `low`, where it is above, and `high`, where it is not.

    Regula falsi by the Illinois rule (Dowell and Jarratt, BIT 1971): the value at an end that stays twice counts half.
    Ends where the function is within 1e-6 of zero, or its place is known to 1e-4.
    """
    above, below = function(low), function(high)
    point, stayed = high, ""
    while below < 0 and high - low > 1e-4:
        point = (low * below - high * above) / (below - above)
        value = function(point)
        if abs(value) < 1e-6:
            break
        if value > 0:
            low, above, below = point, value, below / (2 if stayed == "high" else 1)
            stayed = "high"
        else:
            high, below, above = point, value, above / (2 if stayed == "low" else 1)
            stayed = "low"
    return point


def _pooled(truth: Floats, squares: Floats, freedom: Floats) -> Floats:
    """Variance of one seed: squares over degrees of freedom, pooled over the nearest neighbours in the ranking."""
    order = np.argsort(truth, kind="stable")
    repeated = order[freedom[order] > 0]
    window = max(1, min(_NEIGHBOURS, len(repeated) // 2))
    sums = np.concatenate(([0.0], np.cumsum(squares[repeated])))
    degrees = np.concatenate(([0.0], np.cumsum(freedom[repeated])))
    place = np.searchsorted(truth[repeated], truth)
    start = np.clip(place - window // 2, 0, len(repeated) - window)
    pooled: Floats = (sums[start + window] - sums[start]) / (degrees[start + window] - degrees[start])
    return pooled


def _table(seeds: ArrayLike) -> Floats:
    table = as_floats(seeds, "seeds")
    if table.ndim != 2:
        raise ValueError(f"targets per seed are [architectures, seeds], not {table.shape}")
    return np.where(np.isfinite(table), table, math.nan)
