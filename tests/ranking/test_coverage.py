"""How often intervals hold the true value: populations whose truth is known, and how many samples are covered.

    PYTHONPATH=tests python tests/ranking/test_coverage.py [SAMPLES]

prints a table in Markdown: a row for each interval and population, with the coverage by number of architectures.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from coverage_of_ranks import (
    POPULATIONS,
    Covered,
    covered_architectures,
    covered_both,
    covered_difference,
    covered_splits,
    covered_strata,
)
from coverage_of_runs import (
    MEASUREMENTS,
    RUNS,
    covered_ceiling,
    covered_median,
    covered_runs,
    covered_seeds,
    false_alarms,
)
from scipy.stats import binom

from proxybench.ranking import bootstrap

SAMPLES = 100
FALSE_ALARM = 1e-5  # of one comparison, where the true coverage is just .90 or .99; there are about 300


class Row(NamedTuple):
    """Coverage of an interval in a population, by what the sample has."""

    interval: str
    population: str
    covered: dict[str, Covered]


def rows(samples: int) -> Iterator[Row]:
    """Every interval that the project prints, in every population."""
    for metric, population, correlation in itertools.product(("kendall", "spearman"), POPULATIONS, (0.2, 0.9)):
        sizes = (20, 50, 200, 1000)
        found = {f"n = {n}": covered_architectures(metric, population, correlation, n, samples) for n in sizes}
        yield Row(f"{metric}, over architectures", f"{population}, correlation {correlation}", found)
    for population in POPULATIONS:
        yield from _differences(population, samples)
        found = {f"n = {n}": covered_strata(population, n, samples) for n in (50, 200)}
        yield Row("tau within strata", population, found)
        for metric in ("kendall", "spearman", "pearson"):
            found = {f"{r} splits": covered_splits(metric, population, r, 10 * samples) for r in (2, 3, 5, 20)}
            yield Row(f"{metric}, over splits", population, found)
        found = {f"{r} splits": covered_splits("kendall", population, r, 10 * samples, True) for r in (2, 3, 5, 20)}
        yield Row("gain of kendall, over splits", population, found)
    for spread in (0.0, 0.1, 0.3):
        found = {f"n = {n}": covered_both("continuous", spread, n, samples) for n in (50, 200)}
        yield Row("kendall, over both", f"continuous, correlations differ by {spread}", found)
    yield from _ceilings(samples)
    yield from _runs(samples)


def _differences(population: str, samples: int) -> Iterator[Row]:
    for over, spread in (("architectures", 0.0), ("repeats", 0.1), ("both", 0.0), ("both", 0.2)):
        found = {f"n = {n}": covered_difference(population, spread, n, samples, over) for n in (20, 50, 200)}
        if over == "both":
            found["n = 50, 5 repeats"] = covered_difference(population, spread, 50, samples, over, 5)
        yield Row(f"difference of tau, over {over}", f"{population}, correlations differ by {spread}", found)


def _ceilings(samples: int) -> Iterator[Row]:
    for kind in MEASUREMENTS:
        if kind != "no signal":
            found = {f"n = {n}": covered_seeds(kind, n, samples) for n in (50, 200)}
            yield Row("seed-to-seed tau", kind, found)
        sizes = ((100, 2), (100, 3), (100, 5), (500, 3))
        found = {f"n = {n}, {seeds} seeds": covered_ceiling(kind, n, seeds, samples // 10)[0] for n, seeds in sizes}
        yield Row("noise ceiling", kind, found)


def _runs(samples: int) -> Iterator[Row]:
    for kind in RUNS:
        counts = (5, 20) if kind == "log ratio" else (19, 20, 200)
        yield Row(
            "mean over runs", kind, {f"{count} runs": covered_runs(kind, count, 20 * samples) for count in counts}
        )
    found = {f"{count} runs": covered_median(count, 20 * samples) for count in (5, 6, 10, 50)}
    yield Row("median rank", "log-normal", found)
    for test in ("friedman", "friedman f", "nemenyi"):
        sizes = ((3, 10), (5, 10), (10, 20))
        found = {f"{k} methods, {n} tasks": false_alarms(test, k, n, 20 * samples) for k, n in sizes}
        yield Row(f"no false alarm of {test}", "normal", found)


def print_table(samples: int) -> None:
    """The rows as a table in Markdown, one after the other."""
    out = sys.stdout
    out.write("| interval | population | coverage of nominal 95 percent |\n| --- | --- | --- |\n")
    for row in rows(samples):
        shown = ", ".join(f"{size}: {one.share:.2f} of {one.given}" for size, one in row.covered.items())
        out.write(f"| {row.interval} | {row.population} | {shown} |\n")
        out.flush()


def too_rare(found: Covered) -> bool:
    """Whether so few covered would hardly happen if the interval covered 90 percent."""
    return found.given > 0 and binom.cdf(found.hits, found.given, 0.9) < FALSE_ALARM


def too_often(found: Covered) -> bool:
    """Whether so many covered would hardly happen if the interval covered 99 percent."""
    return found.given > 0 and binom.sf(found.hits - 1, found.given, 0.99) < FALSE_ALARM


def total(found: list[Covered]) -> Covered:
    return Covered(sum(one.hits for one in found), sum(one.given for one in found))


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled kernels for small samples too: there are many of them."""
    monkeypatch.setattr(bootstrap, "COMPILED_FROM", 0)


@pytest.mark.parametrize("population", ["continuous", pytest.param("failures", marks=pytest.mark.slow)])
def test_intervals_of_tau_cover(population: str) -> None:
    assert 0.9 <= covered_architectures("kendall", population, 0.9, 50, 150).share <= 0.99


@pytest.mark.parametrize(
    ("over", "spread"),
    [
        pytest.param("architectures", 0.0, marks=pytest.mark.slow),
        ("repeats", 0.1),
        pytest.param("both", 0.0, marks=pytest.mark.slow),
        ("both", 0.2),
    ],
)
def test_intervals_of_differences_cover(over: str, spread: float) -> None:
    assert 0.9 <= covered_difference("continuous", spread, 50, 200, over).share <= 0.99


@pytest.mark.parametrize("kind", ["continuous", "rounded", "diverging"])
def test_the_noise_ceiling_is_not_biased(kind: str) -> None:
    _, error = covered_ceiling(kind, 500, 3, 5)
    assert abs(error) < 0.02


def test_the_limits_of_coverage_tell_few_samples_from_many() -> None:
    assert [too_rare(Covered(hits, 100)) for hits in (73, 78, 90)] == [True, False, False]
    assert [too_often(Covered(given, given)) for given in (100, 1000, 2000)] == [False, False, True]
    assert not too_rare(Covered(0, 0))
    assert math.isnan(Covered(0, 0).share)


@pytest.mark.slow
def test_every_interval_covers() -> None:
    """Nominal 95 percent cover 90 to 99 in every population, and 99 at most over all sizes and populations."""
    of_interval: dict[str, list[Covered]] = defaultdict(list)
    for row in rows(SAMPLES):
        of_interval[row.interval] += row.covered.values()
        rare = [size for size, found in row.covered.items() if too_rare(found)]
        assert not rare, row
    assert {name: total(found) for name, found in of_interval.items() if too_rare(total(found))} == {}
    assert {name: total(found) for name, found in of_interval.items() if too_often(total(found))} == {}
    assert all(total(found).given for found in of_interval.values())


if __name__ == "__main__":
    bootstrap.COMPILED_FROM = 0
    print_table(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
