"""Which searchers are better than a baseline, problem by problem and over all problems.

Runs are paired by seed: Wilcoxon's signed-rank test on the regrets, two-sided, and over the problems of a searcher and
budget Holm's correction, so that the probability of a false "better" among all of them is at most 5 percent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from predictors.ranks import mean_ranks
from proxybench.csv_text import csv_bytes
from proxybench.leaderboard.searches.records import SearchedProblem, SearcherRuns
from proxybench.ranking.comparison import holm

BASELINES = ("random", "robot-paper proposals=random")
LEVEL = 0.05
_EXACT = 50  # maximum number of pairs for the exact distribution, which is used if nothing ties
Verdict = Literal["better", "worse", "no difference"]


class SearcherTest(NamedTuple):
    """A searcher compared with a baseline on a problem, over the seeds that both ran.

    Attributes:
        wins: share of seeds with less regret than the baseline, ties counted half.
        p_value: of Wilcoxon's signed-rank test; 1 where all are equal.
        p_holm: corrected over the problems on which this searcher is tested with this budget against this baseline.
        verdict: by the sign of the rank sum, where p_holm is below .05.
    """

    problem: SearchedProblem
    runs: SearcherRuns
    baseline: str
    seeds: int
    wins: float
    p_value: float
    p_holm: float
    verdict: Verdict


class SearcherTotal(NamedTuple):
    """A searcher compared with a baseline over all problems that have both, at one budget."""

    searcher: str
    budget: int
    baseline: str
    better: int
    worse: int
    problems: int
    improvement: float | None


COLUMNS = (
    "problem", "benchmark", "dataset", "objective", "report", "budget", "searcher", "runs",
    "median_rank", "median_rank_low", "median_rank_high", "value_mean", "value_median", "optimum",
    "reported_mean", "reported_median", "relative_improvement", "train_s", "wall_s", "note",
)  # fmt: skip
AGAINST = ("wins", "p", "p_holm", "verdict")


def searcher_tests(problems: Iterable[SearchedProblem], baselines: Sequence[str] = BASELINES) -> list[SearcherTest]:
    """Every searcher compared with every baseline that ran with the same budget; baselines by label."""
    families: dict[tuple[str, str, int], list[tuple[SearchedProblem, SearcherRuns, SearcherRuns]]] = defaultdict(list)
    for problem in problems:
        by_key = {(runs.label, runs.budget): runs for runs in problem.searchers}
        for baseline in baselines:
            for runs in problem.searchers:
                base = by_key.get((baseline, runs.budget))
                if base is not None and base is not runs and set(base.numbers) & set(runs.numbers):
                    families[baseline, runs.label, runs.budget].append((problem, runs, base))
    return [test for (baseline, _, _), family in sorted(families.items()) for test in _family(baseline, family)]


def totals(found: Iterable[SearcherTest]) -> list[SearcherTotal]:
    """The numbers of problems on which each searcher is significantly better and worse than each baseline."""
    families: dict[tuple[str, int, str], list[SearcherTest]] = defaultdict(list)
    for test in found:
        families[test.baseline, test.runs.budget, test.runs.label].append(test)
    return [
        SearcherTotal(
            searcher,
            budget,
            baseline,
            sum(test.verdict == "better" for test in family),
            sum(test.verdict == "worse" for test in family),
            len(family),
            _mean([test.runs.improvement for test in family]),
        )
        for (baseline, budget, searcher), family in sorted(families.items())
    ]


def searches_csv(problems: Sequence[SearchedProblem], baselines: Sequence[str] = BASELINES) -> bytes:
    """One row for each problem, budget and searcher, with its tests against the baselines."""
    names = short_names(problems)
    by_runs = {
        (test.problem.task.name, id(test.runs), test.baseline): test for test in searcher_tests(problems, baselines)
    }
    header = [*COLUMNS, *(f"{name} vs {baseline}" for baseline in baselines for name in AGAINST)]
    rows = []
    for problem in problems:
        for runs in sorted(problem.searchers, key=lambda runs: (runs.budget, runs.label)):
            against = [by_runs.get((problem.task.name, id(runs), baseline)) for baseline in baselines]
            rows.append(
                [
                    *_cells(names[problem.task.name], problem, runs),
                    *(cell for test in against for cell in _test_cells(test)),
                ]
            )
    return csv_bytes(header, rows)


def curves_csv(problems: Sequence[SearchedProblem]) -> bytes:
    """The curves, one row per point."""
    names = short_names(problems)
    columns = ("mean", "half", "median", "low", "high", "reported")
    rows = []
    for problem in problems:
        for runs in sorted(problem.searchers, key=lambda runs: (runs.budget, runs.label)):
            for curve in runs.curves:
                figures = {**msgspec.structs.asdict(curve), "half": runs.halves(curve)}
                values = [figures[name] or [None] * len(curve.at) for name in columns]
                for at, *row in zip(curve.at, *values, strict=True):
                    cells = ["" if value is None else f"{value:g}" for value in (at, *row)]
                    rows.append([names[problem.task.name], runs.budget, runs.label, curve.axis, *cells])
    return csv_bytes(["problem", "budget", "searcher", "axis", "at", *columns], rows)


def verdict_lines(found: Iterable[SearcherTotal]) -> list[str]:
    """A sentence for each searcher, budget and baseline."""
    return [
        f"T={total.budget}: {total.searcher} is significantly better than {total.baseline} on {total.better} of "
        f"{total.problems} problems, worse on {total.worse}"
        for total in found
    ]


def short_names(problems: Sequence[SearchedProblem]) -> dict[str, str]:
    """By task name: benchmark, data set, objective; if several problems share these, report and population too."""
    names = {one.task.name: f"{one.task.benchmark} {one.task.dataset} {one.task.target}" for one in problems}
    count = Counter(names.values())
    for one in problems:
        if count[names[one.task.name]] > 1:
            names[one.task.name] += f" ({', '.join(filter(None, [one.report, one.task.population]))})"
    return names


def _family(baseline: str, family: Sequence[tuple[SearchedProblem, SearcherRuns, SearcherRuns]]) -> list[SearcherTest]:
    gains = [_gains(runs, base) for _, runs, base in family]
    p_values = [_signed_rank(gain) for gain in gains]
    return [
        SearcherTest(
            problem,
            runs,
            baseline,
            len(gain),
            float(((gain > 0) + 0.5 * (gain == 0)).mean()),
            p_value,
            corrected,
            _verdict(gain, corrected),
        )
        for (problem, runs, _), gain, p_value, corrected in zip(
            family, gains, p_values, holm(p_values).tolist(), strict=True
        )
    ]


def _gains(runs: SearcherRuns, base: SearcherRuns) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The regret of the baseline minus that of the searcher, by seed."""
    own = dict(zip(runs.numbers, runs.regret, strict=True))
    other = dict(zip(base.numbers, base.regret, strict=True))
    return np.array([other[seed] - own[seed] for seed in sorted(own.keys() & other.keys())])


def _signed_rank(gain: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    from scipy.stats import wilcoxon

    if not gain.any():
        return 1.0
    # Exact if possible: with few ties scipy would use permutations, which take a second per test.
    exact = len(gain) <= _EXACT and gain.all() and len(np.unique(np.abs(gain))) == len(gain)
    return float(wilcoxon(gain, method="exact" if exact else "approx").pvalue)


def _verdict(gain: np.ndarray[tuple[int], np.dtype[np.float64]], p_value: float) -> Verdict:
    if p_value >= LEVEL:
        return "no difference"
    moved = gain[gain != 0]
    return "better" if (np.sign(moved) * mean_ranks(np.abs(moved))).sum() > 0 else "worse"


def _cells(name: str, problem: SearchedProblem, runs: SearcherRuns) -> list[object]:
    task = problem.task
    value, reported = runs.value, runs.reported or ("", "")
    return [
        name, task.benchmark, task.dataset, task.target, problem.report, runs.budget, runs.label,
        len(runs.regret), *runs.rank, *value, problem.optimum, *reported,
        "" if runs.improvement is None else runs.improvement, "" if runs.train_s is None else runs.train_s,
        "" if runs.wall_s is None else runs.wall_s, runs.note,
    ]  # fmt: skip


def _test_cells(test: SearcherTest | None) -> list[object]:
    if test is None:
        return [""] * len(AGAINST)
    return [f"{test.wins:.3f}", f"{test.p_value:.3g}", f"{test.p_holm:.3g}", test.verdict]


def _mean(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else None
