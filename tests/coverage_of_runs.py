"""Simulations of all other intervals: of means over runs, median ranks, noise ceilings; and of tests' false alarms."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from coverage_of_ranks import RESAMPLES, Covered, Ends, share

from proxybench.ranking.ceiling import noise_ceiling, seed_to_seed_tau
from proxybench.ranking.comparison import average_ranks, friedman, nemenyi_difference
from proxybench.ranking.correlation import kendall
from proxybench.ranking.repeats import half_interval, half_of_runs
from proxybench.search.experiments.summary import median_interval

MEASUREMENTS = (
    "continuous", "skewed", "rounded", "noisier where worse", "a tenth at chance", "two clusters", "heavy tails",
    "diverging", "no signal",
)  # fmt: skip
RUNS = ("best of 10", "best of 100", "best of 1000", "share of the hypervolume", "mean rank", "log ratio")


def runs(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """What runs of searches and generators find: skewed, rounded, ending at the optimum."""
    if kind.startswith("best of"):
        place = rng.random(shape) ** (1 / int(kind.split()[-1]))
        population = np.random.default_rng(8)
        accuracies = 94.4 - 3.5 * population.gamma(1.2, size=15_625)
        accuracies[population.random(15_625) < 0.1] = 10  # failed
        return np.round(np.sort(accuracies), 2)[(15_625 * place).astype(int)]
    if kind == "share of the hypervolume":
        return rng.beta(20, 1.5, size=shape)
    if kind == "mean rank":
        return rng.lognormal(6, 0.5, size=shape)
    return rng.normal(size=shape) - 0.7 * rng.exponential(size=shape)


def covered_runs(kind: str, count: int, samples: int) -> Covered:
    """How many intervals of the mean over runs hold it; of log ratios, which are of few seeds too, Student's t."""
    wanted = float(runs(kind, (10**6,), np.random.default_rng(9)).mean())
    half_of = half_interval if kind == "log ratio" else half_of_runs

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        values = runs(kind, (count,), rng)
        half = half_of(values)
        return (math.nan, math.nan) if half is None else (float(values.mean()) - half, float(values.mean()) + half)

    return share(ends, wanted, samples, ("covered_runs", kind, count))


def false_alarms(test: str, methods: int, tasks: int, samples: int) -> Covered:
    """How often a test at .05 finds no difference between methods that are equally good on every task."""

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        values = rng.normal(size=(tasks, methods))
        if test == "nemenyi":
            alarm = np.ptp(average_ranks(values)) >= nemenyi_difference(methods, tasks)
        else:
            found = friedman(values)
            alarm = (found.f_p_value if test == "friedman f" else found.p_value) < 0.05
        return (1.0, 1.0) if alarm else (0.0, 0.0)

    return share(ends, 0.0, samples, ("false_alarms", test, methods, tasks))


def covered_median(runs: int, samples: int) -> Covered:
    """How many intervals of the median rank that hold it."""

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        _, low, high = median_interval(rng.lognormal(size=runs))
        return (math.nan, math.nan) if low is None or high is None else (low, high)

    return share(ends, 1.0, samples, ("covered_median", runs))


def measured(kind: str, n: int, seeds: int, rng: np.random.Generator) -> tuple:
    """True accuracies [n] and what several trainings measure [n, seeds]."""
    truth, noise = 90 + 2 * rng.normal(size=n), 0.6 * rng.normal(size=(n, seeds))
    if kind == "skewed":
        truth = 94 - 2.5 * rng.gamma(1.0, size=n)
    elif kind == "noisier where worse":
        truth = 93 - 2 * rng.gamma(1.5, size=n)
        noise *= (0.25 + 0.25 * (93 - truth))[:, None]
    elif kind == "a tenth at chance":
        truth = np.where(rng.random(n) < 0.1, 10 + 0.2 * rng.normal(size=n), truth)
    elif kind == "two clusters":
        truth = np.where(rng.random(n) < 0.4, truth - 10, truth)
    elif kind == "heavy tails":
        noise = 0.6 * rng.standard_t(3, size=(n, seeds))
    elif kind == "no signal":
        truth = 1e-9 * truth
    table = truth[:, None] + noise
    if kind == "diverging":
        table = np.where(rng.random((n, seeds)) < 0.02, 10 + 0.3 * rng.normal(size=(n, seeds)), table)
    return truth, np.round(30 * table) / 30 if kind == "rounded" else table


@cache
def true_ceiling(kind: str, n: int, seeds: int) -> float:
    """Mean tau of the true accuracies with the means over seeds."""
    rng = np.random.default_rng(6)
    draws = (measured(kind, n, seeds, rng) for _ in range(200))
    return float(np.mean([kendall(truth, table.mean(axis=1)) for truth, table in draws]))


def covered_ceiling(kind: str, n: int, seeds: int, samples: int) -> tuple[Covered, float]:
    """How many intervals of the ceiling are given and hold the true one, and the mean error of the known."""
    wanted, errors = true_ceiling(kind, n, seeds), []

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        found = noise_ceiling(measured(kind, n, seeds, rng)[1], resamples=RESAMPLES, seed=seed)
        if found is None or found.reason:
            return math.nan, math.nan
        errors.append(found.attainable.value - wanted)
        return found.attainable.low, found.attainable.high

    covered = share(ends, wanted, samples, ("covered_ceiling", kind, n, seeds))
    return covered, float(np.mean(errors)) if errors else math.nan


def covered_seeds(kind: str, n: int, samples: int) -> Covered:
    """How many intervals of the seed-to-seed tau of three seeds that hold that of large samples."""
    rng = np.random.default_rng(7)
    large = (measured(kind, 5000, 2, rng)[1] for _ in range(10))
    wanted = float(np.mean([kendall(table[:, 0], table[:, 1]) for table in large]))

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        found = seed_to_seed_tau(measured(kind, n, 3, rng)[1], resamples=RESAMPLES, seed=seed)
        return (math.nan, math.nan) if found is None else (found.low, found.high)

    return share(ends, wanted, samples, ("covered_seeds", kind, n))
