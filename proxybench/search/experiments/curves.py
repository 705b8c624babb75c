"""Best-so-far curves with bands, over trainings and over simulated training time.

At each point every run contributes its best architecture so far. A point exists only if all runs of the group have
a result and, on the time axis, none has ended before: no run is extrapolated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from proxybench.csv_text import csv_bytes
from proxybench.leaderboard.searches.records import FIRST_TRAININGS, trained
from proxybench.ranking.repeats import half_of_runs
from proxybench.search.core.problem import Floats
from proxybench.search.experiments.run_groups import RunGroup, groups_of
from proxybench.search.experiments.run_records import Incumbent, SearchRecord

POINTS = 60  # on the time axis
COLUMNS = (
    "problem", "searcher", "options", "budget", "axis", "at", "runs", "quantity",
    "mean", "mean_low", "mean_high", "median", "quartile_low", "quartile_high",
)  # fmt: skip
AXES = ("trainings", "seconds")
_ROUNDING = 1e-9


class BestSoFar(NamedTuple):
    """The best values so far in the runs of a group.

    Attributes:
        at: float64[p], trainings or seconds.
        values: objective of the best so far, float64[p, runs].
        reported: the reported quantity of the same architecture, float64[p, runs]; None if nothing is reported.
    """

    at: Floats
    values: Floats
    reported: Floats | None


def best_so_far(group: RunGroup, axis: str, points: Iterable[float] | None = None) -> BestSoFar | None:
    """The runs of a group at points of an axis; None if there are no points, or no seconds.

    Args:
        group: at least one run.
        axis: "trainings" or "seconds".
        points: by default each training, or 60 points in time; points not covered by all runs are omitted.
    """
    limits = _limits(group, axis)
    if limits is None:
        return None
    start, end = limits
    if points is None:
        points = range(int(np.ceil(start)), int(end) + 1) if axis == "trainings" else np.linspace(start, end, POINTS)
    at = np.array([point for point in points if start - _ROUNDING <= point <= end + _ROUNDING])
    if not len(at):
        return None
    values, reported_values = [], []
    for run in group.in_order:
        standing = np.searchsorted([_when(one, axis) for one in run.found], at + _ROUNDING, side="right") - 1
        values.append(np.array([one.value for one in run.found])[standing])
        reported_values.append(np.array([one.reported for one in run.found], dtype=np.float64)[standing])
    reported = np.stack(reported_values, axis=1)
    return BestSoFar(at, np.stack(values, axis=1), None if np.isnan(reported).any() else reported)


def curve_rows(runs: Iterable[SearchRecord]) -> list[tuple[str | float, ...]]:
    """Rows of `COLUMNS`: the mean with its 95 percent interval (Student's t over runs), the median with the quartiles.

    `axis` is "trainings" or "seconds"; `quantity` is "value" (the objective) or "reported". The interval is NaN where
    its coverage would be too low: for fewer than 20 runs, if all agree, and before the tenth training.
    """
    rows: list[tuple[str | float, ...]] = []
    for group in groups_of(runs):
        name = (group.task.name, group.searcher, group.options, group.budget)
        for axis in AXES:
            found = best_so_far(group, axis)
            for quantity, values in (("value", found.values), ("reported", found.reported)) if found else ():
                if found is not None and values is not None:
                    points = zip(found.at.tolist(), trained(found.at.tolist(), group.budget), values, strict=True)
                    rows += [
                        (*name, axis, round(at, 6), len(group.runs), quantity, *band(point, after >= FIRST_TRAININGS))
                        for at, after, point in points
                    ]
    return rows


def curves_csv(runs: Iterable[SearchRecord]) -> bytes:
    """The rows with their header, as CSV; equal runs give equal bytes."""
    rows = curve_rows(runs)
    return csv_bytes(COLUMNS, ([f"{cell:.8g}" if isinstance(cell, float) else cell for cell in row] for row in rows))


def band(values: Floats, covered: bool = True) -> tuple[float, ...]:
    """For a point: the mean with its 95 percent interval, NaN unless `covered`, and the median with the quartiles."""
    mean = float(values.mean())
    half = half_width(values) if covered else float("nan")
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return mean, mean - half, mean + half, median, low, high


def half_width(values: Floats) -> float:
    """Half-width of the mean's 95 percent interval, Student's t over runs; NaN if undefined (`half_of_runs`)."""
    half = half_of_runs(values)
    return float("nan") if half is None else half


def _limits(group: RunGroup, axis: str) -> tuple[float, float] | None:
    """The time from when all runs have found something until the first has ended; None without a time axis."""
    runs = [run for run in group.in_order if run.found]
    if len(runs) < len(group.runs) or not runs:
        return None
    if axis == "trainings":
        return max(run.found[0].queries for run in runs), min(run.last[0] for run in runs)
    ends = [run.last[1] for run in runs]
    if any(end is None for end in ends):
        return None
    start, end = max(run.found[0].seconds or 0.0 for run in runs), min(end for end in ends if end is not None)
    return (start, end) if end > start else None


def _when(one: Incumbent, axis: str) -> float:
    return one.queries if axis == "trainings" else one.seconds or 0.0
