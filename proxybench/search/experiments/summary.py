"""Summaries of groups of runs for the leaderboard."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from proxybench.leaderboard.searches.records import Curve, SearchedProblem, SearcherRuns, seed_ranges
from proxybench.search.core.problem import Floats
from proxybench.search.experiments.curves import AXES, BestSoFar, best_so_far, half_width
from proxybench.search.experiments.run_groups import RunGroup

POINTS = 8  # maximum number of points of a curve; hundreds of curves are committed and put on one page
_DIGITS = 5
FEWEST = 5  # values whose least and largest enclose the median: with 1 - 2 / 2^5, 94 percent


def searched_problems(groups: Iterable[RunGroup]) -> list[SearchedProblem]:
    """One entry per problem, with its searchers sorted by name, options and budget."""
    by_problem: dict[str, list[RunGroup]] = defaultdict(list)
    for group in groups:
        by_problem[group.task.name].append(group)
    return [
        SearchedProblem(
            task=members[0].task,
            report=members[0].report,
            optimum=members[0].optimum,
            searchers=[searcher_runs(group) for group in members],
            made_with=sorted({text for group in members for text in group.made_with if text}),
        )
        for _, members in sorted(by_problem.items())
    ]


def searcher_runs(group: RunGroup) -> SearcherRuns:
    """The runs of a group, with at most 8 points per axis in their curves."""
    runs = group.in_order
    reported = [run.reported for run in runs if run.reported is not None]
    improvement = [run.improvement for run in runs if run.improvement is not None]
    seconds = [run.last[1] for run in runs if run.last[1] is not None]
    found = [(axis, best_so_far(group, axis, _points(group, axis))) for axis in AXES]
    return SearcherRuns(
        searcher=group.searcher,
        params=group.params,
        budget=group.budget,
        seeds=seed_ranges(group.runs),
        regret=_rounded(np.array([run.regret for run in runs])),
        rank=median_interval(np.array([run.rank for run in runs], dtype=np.float64)),
        value=_mean_and_median([run.value for run in runs]),
        reported=_mean_and_median(reported) if len(reported) == len(runs) else None,
        improvement=_round(float(np.mean(improvement))) if improvement else None,
        train_s=_round(float(np.mean(seconds))) if len(seconds) == len(runs) else None,
        wall_s=_round(float(np.mean(group.wall_s)), 2) if group.wall_s else None,
        curves=[_curve(axis, one) for axis, one in found if one is not None],
        note=group.note,
    )


def median_interval(values: Floats) -> tuple[float, float | None, float | None]:
    """The median and the limits of its 95 percent interval from order statistics.

    For fewer than FEWEST values the smallest and the largest enclose the true median with at most 87 percent
    probability; the limits are then None.
    """
    from scipy.stats import binom

    ordered, n = np.sort(values), len(values)
    if n < FEWEST:
        return float(np.median(ordered)), None, None
    low = max(0, int(binom.ppf(0.025, n, 0.5)) - 1)
    return float(np.median(ordered)), float(ordered[low]), float(ordered[n - 1 - low])


def _points(group: RunGroup, axis: str) -> list[float]:
    """Points of a curve, denser where searches improve fastest."""
    if axis == "trainings":
        return sorted({float(round(point)) for point in np.geomspace(1, max(1, group.budget), POINTS).tolist()})
    ends = [run.last[1] for run in group.in_order]
    starts = [run.found[0].seconds for run in group.in_order if run.found]
    start = max((second for second in starts if second is not None), default=0.0)
    end = min((second for second in ends if second is not None), default=0.0)
    return list(map(float, np.geomspace(start, end, POINTS))) if 0 < start < end else []


def _curve(axis: str, found: BestSoFar) -> Curve:
    halves = [_half(half_width(values)) for values in found.values]
    low, median, high = np.quantile(found.values, [0.25, 0.5, 0.75], axis=1)
    return Curve(
        axis=axis,
        at=_rounded(found.at),
        mean=_rounded(found.values.mean(axis=1)),
        half=None if all(half is None for half in halves) else halves,
        median=_rounded(median),
        low=_rounded(low),
        high=_rounded(high),
        reported=None if found.reported is None else _rounded(found.reported.mean(axis=1)),
    )


def _half(value: float) -> float | None:
    return None if math.isnan(value) else _round(value, 2)


def _mean_and_median(values: list[float]) -> tuple[float, float]:
    return _round(float(np.mean(values)), 6), _round(float(np.median(values)), 6)


def _rounded(values: Floats, digits: int = _DIGITS) -> list[float]:
    return [_round(value, digits) for value in values.tolist()]


def _round(value: float, digits: int = _DIGITS) -> float:
    """Round to significant digits; whole numbers become integers, which are shorter in JSON."""
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


__all__ = ["median_interval", "searched_problems", "searcher_runs"]
