"""The noise ceiling: with a noisy target, even a ranking by true expected quality does not reach tau 1.

A target is measured by training, and training again gives another value. Two figures measure this limit:

- Seed-to-seed tau: Kendall's tau-b between the orders under two seeds. It makes no assumptions.
- The attainable tau: the expected tau of the true values with the mean of the measured seeds, the target that methods
  are scored against. It needs a model of the measurements (`noise_model`), with one factor on the scale of the noise,
  chosen so that the model's seed-to-seed tau is the measured one. Its interval is derived from that of the seed-to-seed
  tau, and includes the values for smoother and for more clumped true values.

One bound needs no model: if a single measurement orders a pair of architectures correctly with probability p, the
seed-to-seed tau is the mean of (2p - 1)^2 and the attainable tau for one seed is the mean of 2p - 1, so by Jensen's
inequality attainable tau <= sqrt(seed-to-seed tau) for a target of one seed.

If no architecture has two seeds the ceiling is unknown: None, never 1. It is also unknown, NaN with the reason, if the
tau between seeds is below 0.6, or if the true values fall into clusters: the tau then depends on whether architectures
in one cluster are equal or only nearly equal, which cannot be determined.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from predictors.inputs import as_floats
from predictors.ranks import count_pairs
from proxybench.ranking.bootstrap import bootstrap_metrics, worth_compiling
from proxybench.ranking.correlation import kendall
from proxybench.ranking.intervals import Interval, percentile_interval
from proxybench.ranking.noise_model import NoiseModel
from proxybench.ranking.policy import Floats
from proxybench.ranking.roots import root

_ROUNDS = (1, 3, 200)  # of taking noise out: true values smoothly distributed, in between, in clumps
_MANY = 500  # architectures for so many rounds; of fewer, fewer rounds make clumps
_CLUSTERED = 0.025  # of tau between smooth and clumped: true values are clustered; more where n is below _MANY
_DIVERGING = 0.002  # share of outlying runs above which intervals have too low a coverage and are omitted
_LEAST = 0.6  # seed-to-seed tau; below, what is assumed of the true values moved the ceiling by more than .02
_LARGEST_FACTOR = 1e6  # beyond, the seeds disagree in architectures that show no variance, and no noise explains it


@dataclass(frozen=True)
class NoiseCeiling:
    """The best possible agreement of a ranking with a noisy target.

    Attributes:
        seed_to_seed: mean tau-b of two single seeds, over all pairs of seeds, with its interval over architectures.
        attainable: expected tau-b of the true values with the mean over seeds; NaN if unknown. Only the limits are NaN
            if more than 0.2 percent of the runs are outliers (`noise_model`), as with diverging runs or heavy-tailed
            noise: the coverage of the interval would be too low.
        one_seed_bound: the square root of the seed-to-seed tau, an upper bound of the tau against one seed.
        repeated: number of architectures with at least two seeds.
        architectures: number of architectures with at least one.
        reason: why `attainable` is unknown; otherwise empty.
    """

    seed_to_seed: Interval
    attainable: Interval
    one_seed_bound: float
    repeated: int
    architectures: int
    reason: str = ""


def noise_ceiling(
    seeds: ArrayLike, averaged: int | None = None, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> NoiseCeiling | None:
    """The noise ceiling of a target measured with several seeds.

    Args:
        seeds: target per architecture and seed [n, s], NaN where a seed was not run.
        averaged: number of seeds in the mean that methods are scored against; by default each architecture's own.
        resamples: number of resamples for the seed-to-seed interval.
        seed: seed of the resamples and of the simulation.
        level: nominal coverage of the intervals.

    Returns:
        None if the ceiling is unknown: no pair of seeds has a defined tau, or it is not above zero.

    Raises:
        ValueError: unless `seeds` is a table and `averaged` is at least one.
    """
    table = _table(seeds)
    if averaged is not None and averaged < 1:
        raise ValueError(f"a target is the mean of at least one seed, not {averaged}")
    between = seed_to_seed_tau(table, resamples, seed, level)
    if between is None or between.value <= 0:
        return None
    counts = np.isfinite(table).sum(axis=1)
    found, reason = _attainable_interval(table[counts > 0], averaged, seed, between)
    return NoiseCeiling(
        seed_to_seed=between,
        attainable=found,
        one_seed_bound=math.sqrt(between.value),
        repeated=int((counts > 1).sum()),
        architectures=int((counts > 0).sum()),
        reason=reason,
    )


def seed_to_seed_tau(seeds: ArrayLike, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> Interval | None:
    """Mean tau-b of one seed's order with another's, over the pairs of seeds, each on the architectures with both.

    Returns:
        The mean with its interval over architectures, all pairs under the same resamples; None if no pair of
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
    """A tau as a share of the attainable one, not capped at one; None if the ceiling is unknown."""
    if ceiling is None or not ceiling > 0 or math.isnan(tau):
        return None
    return tau / ceiling


def _attainable_interval(table: Floats, averaged: int | None, seed: int, between: Interval) -> tuple[Interval, str]:
    """The attainable tau with its interval; NaN with the reason if it is unknown."""
    unknown = Interval(math.nan, math.nan, math.nan, between.level, 0)
    if between.value < _LEAST:
        return unknown, f"the seeds hardly agree on the order of the architectures: their tau is below {_LEAST}"
    if between.value >= 1:
        pairs = count_pairs(*[np.nanmean(table, axis=1)] * 2)
        value = math.sqrt(1 - pairs.tied_first / pairs.everything)  # the true values of what is equal differ
        return Interval(value, value, value, between.level, between.resamples), ""
    rounds = (max(1, min(many, len(table) * many // _MANY)) for many in _ROUNDS)
    smooth, middle, rough = (NoiseModel.fit(table, averaged, seed, number) for number in rounds)
    value = _attainable(middle, between.value)
    if (
        _attainable(smooth, between.value) - _attainable(rough, between.value)
        > _CLUSTERED * max(1, _MANY / len(table)) ** 0.25
    ):
        return (
            unknown,
            "the true values fall into clusters, and it is unknown whether those within one are equal",
        )
    if middle.outlying > _DIVERGING:
        return Interval(value, math.nan, math.nan, between.level, 0), ""
    low = min(_attainable(middle, between.low), _attainable(rough, between.low))
    high = max(_attainable(middle, between.high), _attainable(smooth, between.high))
    return Interval(value, low, high, between.level, between.resamples), ""


def _attainable(model: NoiseModel, between: float) -> float:
    """Tau of the true values with the target, with the noise scaled so that the seed-to-seed tau is `between`."""
    if math.isnan(between) or between <= 0:
        return math.nan
    if between >= model.between(0) - 1e-12:
        return model.attainable(0)
    high = 1.0
    while model.between(high) > between:
        high *= 2
        if high > _LARGEST_FACTOR:
            return math.nan
    return model.attainable(root(lambda factor: model.between(factor) - between, 0.0, high, 1e-4))


def _table(seeds: ArrayLike) -> Floats:
    table = as_floats(seeds, "seeds")
    if table.ndim != 2:
        raise ValueError(f"targets per seed are [architectures, seeds], not {table.shape}")
    return np.where(np.isfinite(table), table, math.nan)
