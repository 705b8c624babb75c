"""How often intervals hold the true value: populations whose truth is known, and the share of samples that are covered.

    python tests/ranking/test_coverage.py [SAMPLES]

prints a table in Markdown: a row for each interval and population, a column for each number of architectures. The
truth of a population is the mean over many large samples.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from proxybench.ranking import bootstrap
from proxybench.ranking.bootstrap import bootstrap_within_strata
from proxybench.ranking.ceiling import noise_ceiling, seed_to_seed_tau
from proxybench.ranking.correlation import kendall
from proxybench.ranking.intervals import difference, interval, percentile_interval
from proxybench.ranking.metrics import get_metric
from proxybench.ranking.repeats import half_interval
from proxybench.ranking.strata import within_strata
from proxybench.search.summary import median_interval

Ends = tuple[float, float]
RESAMPLES = 256
POPULATIONS = ("continuous", "rounded", "failures", "heavy tails")
MEASUREMENTS = ("continuous", "skewed", "rounded", "diverging", "heavy tails")


def sample(population: str, correlation: float, n: int, rng: np.random.Generator, columns: int = 1) -> tuple:
    """Targets [n] and scores [n, columns] that rank them with one correlation and independent noise."""
    quality = rng.normal(size=n)
    noise = rng.normal(size=(n, columns))
    scores = correlation * quality[:, None] + math.sqrt(1 - correlation**2) * noise
    if population == "rounded":
        return np.round(quality * 1.5), np.round(scores)
    if population == "failures":
        failed = rng.random(n) < 0.1
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


def covered_architectures(metric: str, population: str, correlation: float, n: int, samples: int) -> float:
    """The share of intervals over architectures that hold the metric of the population."""
    wanted = truth(population, correlation, metric)

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        target, scores = sample(population, correlation, n, rng)
        found = interval(target, scores, metric, resamples=RESAMPLES, seed=seed)
        return found.low, found.high

    return share(ends, wanted, samples)


def covered_difference(population: str, correlation: float, n: int, samples: int, over: str = "architectures") -> float:
    """The share of intervals of the difference of equally good methods, of three repeats, that hold zero."""

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        target, scores = sample(population, correlation, n, rng, columns=6)
        found = difference(target, scores[:, :3], scores[:, 3:], over=over, resamples=RESAMPLES, seed=seed)
        return found.low, found.high

    return share(ends, 0.0, samples)


def covered_both(population: str, spread: float, n: int, samples: int, repeats: int = 3) -> float:
    """The same of tau over architectures and repeats, the repeats' correlations drawn around .6 with a deviation."""
    rng = np.random.default_rng(2)
    wanted = float(np.mean([truth(population, round(one, 2), "kendall") for one in _correlations(rng, spread, 60)]))

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        target, scores = sample(population, 0.0, n, rng, columns=repeats)
        own = _correlations(rng, spread, repeats)
        scores = own * target[:, None] + np.sqrt(1 - own**2) * scores
        found = interval(target, scores, over="both", resamples=RESAMPLES, seed=seed)
        return found.low, found.high

    return share(ends, wanted, samples)


def covered_splits(metric: str, population: str, repeats: int, samples: int) -> float:
    """The share of Student's intervals over splits that hold the mean metric of test parts of 200 of 1,000."""
    target, scores = sample(population, 0.6, 1000, np.random.default_rng(3))
    function = get_metric(metric)

    def value(rng: np.random.Generator) -> float:
        test = rng.permutation(len(target))[:200]
        return function(target[test], scores[test, 0])

    rng = np.random.default_rng(4)
    wanted = float(np.mean([value(rng) for _ in range(4000)]))

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        values = [value(rng) for _ in range(repeats)]
        half = half_interval(values) or 0.0
        return float(np.mean(values)) - half, float(np.mean(values)) + half

    return share(ends, wanted, samples)


def covered_strata(population: str, n: int, samples: int, groups: int = 4) -> float:
    """The share of intervals of the mean tau within strata that hold that of large samples."""

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

    return share(ends, wanted, samples)


def covered_median(runs: int, samples: int) -> float:
    """The share of intervals of the median rank that hold it."""

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        _, low, high = median_interval(rng.lognormal(size=runs))
        return (math.nan, math.nan) if low is None or high is None else (low, high)

    return share(ends, 1.0, samples)


def measured(kind: str, n: int, seeds: int, rng: np.random.Generator) -> tuple:
    """True accuracies [n] and what several trainings measure [n, seeds]."""
    truth, noise = 90 + 2 * rng.normal(size=n), rng.normal(size=(n, seeds))
    if kind == "skewed":
        truth = 94 - 3 * rng.gamma(0.7, size=n)
        return truth, truth[:, None] + (0.2 + 0.1 * (94 - truth[:, None])) * noise
    if kind == "heavy tails":
        noise = 0.6 * rng.standard_t(2, size=(n, seeds))
    table = truth[:, None] + noise
    if kind == "diverging":
        table = np.where(rng.random((n, seeds)) < 0.05, 10 + 0.3 * rng.normal(size=(n, seeds)), table)
    return truth, np.round(table) if kind == "rounded" else table


@cache
def true_ceiling(kind: str, n: int, seeds: int) -> float:
    """Mean tau of the true accuracies with the means over seeds."""
    rng = np.random.default_rng(6)
    draws = (measured(kind, n, seeds, rng) for _ in range(200))
    return float(np.mean([kendall(truth, table.mean(axis=1)) for truth, table in draws]))


def covered_ceiling(kind: str, n: int, seeds: int, samples: int) -> tuple[float, float]:
    """The share of known ceilings whose interval holds the true one, and their mean error."""
    wanted, errors = true_ceiling(kind, n, seeds), []

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        found = noise_ceiling(measured(kind, n, seeds, rng)[1], resamples=RESAMPLES, seed=seed)
        if found is None or math.isnan(found.attainable.value):
            return math.nan, math.nan
        errors.append(found.attainable.value - wanted)
        return found.attainable.low, found.attainable.high

    covered = share(ends, wanted, samples)
    return covered, float(np.mean(errors)) if errors else math.nan


def covered_seeds(kind: str, n: int, samples: int) -> float:
    """The share of intervals of the seed-to-seed tau of three seeds that hold that of large samples."""
    rng = np.random.default_rng(7)
    large = (measured(kind, 5000, 2, rng)[1] for _ in range(10))
    wanted = float(np.mean([kendall(table[:, 0], table[:, 1]) for table in large]))

    def ends(rng: np.random.Generator, seed: int) -> Ends:
        found = seed_to_seed_tau(measured(kind, n, 3, rng)[1], resamples=RESAMPLES, seed=seed)
        return (math.nan, math.nan) if found is None else (found.low, found.high)

    return share(ends, wanted, samples)


def share(ends: Callable[[np.random.Generator, int], Ends], wanted: float, samples: int) -> float:
    """The share of the intervals given that hold what is wanted; NaN where none is given."""
    rng = np.random.default_rng(0)
    drawn = [ends(rng, seed) for seed in range(samples)]
    given = [(low, high) for low, high in drawn if not math.isnan(low)]
    return float(np.mean([low <= wanted <= high for low, high in given])) if given else math.nan


def _correlations(rng: np.random.Generator, spread: float, repeats: int) -> np.ndarray:
    return np.clip(0.6 + spread * rng.normal(size=repeats), -0.95, 0.95)


class Row(NamedTuple):
    """Coverage of an interval in a population, by what the sample has; `samples` is how many it is a share of."""

    interval: str
    population: str
    covered: dict[str, float]
    samples: int


def rows(samples: int) -> Iterator[Row]:
    """Every interval that the project prints, in every population."""
    for metric, population, correlation in itertools.product(("kendall", "spearman"), POPULATIONS, (0.2, 0.9)):
        sizes = (20, 50, 200, 1000)
        found = {f"n = {n}": covered_architectures(metric, population, correlation, n, samples) for n in sizes}
        yield Row(f"{metric}, over architectures", f"{population}, correlation {correlation}", found, samples)
    for population in POPULATIONS:
        for over in ("architectures", "repeats", "both"):
            found = {f"n = {n}": covered_difference(population, 0.6, n, samples, over) for n in (20, 50, 200)}
            yield Row(f"difference of tau, over {over}", population, found, samples)
        found = {f"n = {n}": covered_strata(population, n, samples) for n in (50, 200)}
        yield Row("tau within strata", population, found, samples)
        for metric in ("kendall", "spearman", "pearson"):
            found = {f"{r} splits": covered_splits(metric, population, r, samples) for r in (2, 3, 5, 20)}
            yield Row(f"{metric}, over splits", population, found, samples)
    for spread in (0.0, 0.1, 0.3):
        found = {f"n = {n}": covered_both("continuous", spread, n, samples) for n in (50, 200)}
        yield Row("kendall, over both", f"continuous, correlations differ by {spread}", found, samples)
    for kind in MEASUREMENTS:
        found = {f"n = {n}": covered_seeds(kind, n, samples) for n in (50, 200)}
        yield Row("seed-to-seed tau", kind, found, samples)
        for seeds in (2, 3):
            found = {f"n = {n}": covered_ceiling(kind, n, seeds, samples // 4)[0] for n in (100, 500)}
            yield Row(f"noise ceiling, {seeds} seeds", kind, found, samples // 4)
    found = {f"{runs} runs": covered_median(runs, 10 * samples) for runs in (5, 6, 10, 50)}
    yield Row("median rank", "log-normal", found, 10 * samples)


def print_table(samples: int) -> None:
    """The rows as a table in Markdown, one after the other."""
    out = sys.stdout
    out.write("| interval | population | coverage of nominal 95 percent |\n| --- | --- | --- |\n")
    for row in rows(samples):
        shown = ", ".join(f"{size}: {covered:.2f}" for size, covered in row.covered.items())
        out.write(f"| {row.interval} | {row.population} | {shown} |\n")
        out.flush()


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled kernels for small samples too: there are many of them."""
    monkeypatch.setattr(bootstrap, "COMPILED_FROM", 0)


@pytest.mark.parametrize("population", ["continuous", "failures"])
def test_intervals_of_tau_cover(population: str) -> None:
    assert 0.9 <= covered_architectures("kendall", population, 0.9, 50, 150) <= 0.99


@pytest.mark.parametrize("over", ["architectures", "repeats"])
def test_intervals_of_differences_cover(over: str) -> None:
    assert 0.9 <= covered_difference("continuous", 0.6, 50, 150, over) <= 0.99


@pytest.mark.parametrize("kind", ["continuous", "rounded", "diverging"])
def test_the_noise_ceiling_is_not_biased(kind: str) -> None:
    _, error = covered_ceiling(kind, 500, 3, 5)
    assert abs(error) < 0.02


@pytest.mark.slow
def test_every_interval_covers() -> None:
    """Nominal 95 percent cover 90 to 99, give or take what the number of samples leaves open."""
    for row in rows(100):
        left_open = 2 * math.sqrt(0.9 * 0.1 / row.samples)
        for size, covered in row.covered.items():
            none_given = math.isnan(covered) and row.interval.startswith("noise ceiling")
            assert none_given or 0.9 - left_open <= covered <= 0.99 + left_open, (row.interval, row.population, size)


if __name__ == "__main__":
    bootstrap.COMPILED_FROM = 0
    print_table(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
