"""Simulations of intervals of rank correlations: populations whose truth is known, and how many samples are covered.

The truth of a population is the mean over many large samples.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from proxybench.ranking.bootstrap import bootstrap_within_strata
from proxybench.ranking.intervals import difference, interval, percentile_interval
from proxybench.ranking.metrics import get_metric
from proxybench.ranking.repeats import half_interval
from proxybench.ranking.strata import within_strata

Ends = tuple[float, float]
RESAMPLES = 256
POPULATIONS = ("continuous", "rounded", "failures", "heavy tails")


class Covered(NamedTuple):
    """How many of the intervals given hold the truth."""

    hits: int
    given: int

    @property
    def share(self) -> float:
        return self.hits / self.given if self.given else math.nan


def share(
    ends: Callable[[np.random.Generator, int], Ends], wanted: float, samples: int, drawn_for: tuple[object, ...]
) -> Covered:
    """How many intervals are given in so many samples, other ones for each purpose, and hold what is wanted."""
    rng = np.random.default_rng(zlib.crc32(repr(drawn_for).encode()))
    drawn = [ends(rng, seed) for seed in range(samples)]
    given = [(low, high) for low, high in drawn if not math.isnan(low)]
    return Covered(sum(low <= wanted <= high for low, high in given), len(given))


def sample(population: str, correlation: float, n: int, rng: np.random.Generator, columns: int = 1) -> tuple:
    """Targets [n] and scores [n, columns] that rank them with one correlation and independent noise."""
    quality = rng.normal(size=n)
    noise = rng.normal(size=(n, columns))
    scores = correlation * quality[:, None] + math.sqrt(1 - correlation**2) * noise
    return seen(population, quality, scores, rng)


def seen(population: str, quality: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> tuple:
    """What a population shows of qualities and scores."""
    if population == "rounded":
        return np.round(quality * 1.5), np.round(scores)
    if population == "failures":
        failed = rng.random(len(quality)) < 0.1
        return np.where(failed, 10.0, 94 - np.exp(-quality)), scores - 3.0 * failed[:, None]
    if population == "heavy tails":
        return quality**3, np.exp(2 * scores)
    return quality, scores


@cache
def truth(population: str, correlation: float, metric: str) -> float:
    """The metric of the population."""
    rng = np.random.default_rng(1)
    draws = (sample(population, correlation, 10_000, rng) for _ in range(20))
    return float(np.mean([get_metric(metric)(target, scores[:, 0]) for target, scores in draws]))


def covered_architectures(metric: str, population: str, correlation: float, n: int, samples: int) -> Covered:
    """How many intervals over architectures that hold the metric of the population."""
    wanted = truth(population, correlation, metric)

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        target, scores = sample(population, correlation, n, rng)
        found = interval(target, scores, metric, resamples=RESAMPLES, seed=seed)
        return found.low, found.high

    return share(ends, wanted, samples, ("covered_architectures", metric, population, correlation, n))


def covered_difference(
    population: str, spread: float, n: int, samples: int, over: str = "architectures", repeats: int = 3
) -> Covered:
    """How many intervals of the difference of equally good methods hold zero.

    The correlations of a method's repeats are drawn around .6 with the deviation `spread`. Over architectures alone
    these repeats are what is compared, so that only methods without any spread are equally good.
    """

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        target, scores = spread_scores(population, spread, n, rng, 2 * repeats)
        found = difference(target, scores[:, :repeats], scores[:, repeats:], over=over, resamples=RESAMPLES, seed=seed)
        return found.low, found.high

    return share(ends, 0.0, samples, ("covered_difference", population, spread, n, over, repeats))


def spread_scores(population: str, spread: float, n: int, rng: np.random.Generator, columns: int) -> tuple:
    """As `sample`, with columns whose correlations with the quality differ."""
    quality = rng.normal(size=n)
    own = _correlations(rng, spread, columns)
    scores = own * quality[:, None] + np.sqrt(1 - own**2) * rng.normal(size=(n, columns))
    return seen(population, quality, scores, rng)


def covered_both(population: str, spread: float, n: int, samples: int, repeats: int = 3) -> Covered:
    """The same of tau over architectures and repeats, the repeats' correlations drawn around .6 with a deviation."""
    rng = np.random.default_rng(2)
    wanted = float(np.mean([truth(population, round(one, 2), "kendall") for one in _correlations(rng, spread, 60)]))

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        target, scores = spread_scores(population, spread, n, rng, repeats)
        found = interval(target, scores, over="both", resamples=RESAMPLES, seed=seed)
        return found.low, found.high

    return share(ends, wanted, samples, ("covered_both", population, spread, n, repeats))


def covered_splits(metric: str, population: str, repeats: int, samples: int, compared: bool = False) -> Covered:
    """How many of Student's intervals over splits hold the mean metric of test parts of 200 of 1,000.

    Compared: of the gain over another method on the same splits, as in `leaderboard show --compare`.
    """
    target, scores = sample(population, 0.6, 1000, np.random.default_rng(3), columns=2)
    function = get_metric(metric)

    def value(rng: np.random.Generator) -> float:
        test = rng.permutation(len(target))[:200]
        own = function(target[test], scores[test, 0])
        return own - function(target[test], scores[test, 1]) if compared else own

    drawn = np.array([value(np.random.default_rng(4 + number)) for number in range(3000)])

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        values = rng.choice(drawn, repeats)
        half = half_interval(values) or 0.0
        return float(np.mean(values)) - half, float(np.mean(values)) + half

    return share(ends, float(drawn.mean()), samples, ("covered_splits", metric, population, repeats, compared))


def covered_strata(population: str, n: int, samples: int, groups: int = 4) -> Covered:
    """How many intervals of the mean tau within strata that hold that of large samples."""

    def drawn(size: int, rng: np.random.Generator) -> tuple:
        target, scores = sample(population, 0.6, size, rng)
        return target, scores, rng.integers(groups, size=size)

    rng = np.random.default_rng(5)
    large = (drawn(10_000, rng) for _ in range(10))
    wanted = float(np.mean([within_strata(target, scores[:, 0], strata).mean for target, scores, strata in large]))

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        target, scores, strata = drawn(n, rng)
        draws = bootstrap_within_strata(target, scores, strata, resamples=RESAMPLES, seed=seed)
        found = percentile_interval(0.0, draws)
        return found.low, found.high

    return share(ends, wanted, samples, ("covered_strata", population, n, groups))


def _correlations(rng: np.random.Generator, spread: float, repeats: int) -> np.ndarray:
    return np.clip(0.6 + spread * rng.normal(size=repeats), -0.95, 0.95)
