"""Best-so-far curves with bands, against trainings paid and against simulated training time, as CSV.

At each point every run stands with the best architecture that it had by then. A point is there only where all runs
of the group have found something and, on the time axis, none has ended before: no run is continued by guess.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from proxybench.search.outcomes import Found, SearchRecord
from proxybench.search.problem import Floats

POINTS = 60  # on the time axis
COLUMNS = (
    "problem", "searcher", "options", "budget", "axis", "at", "runs", "quantity",
    "mean", "mean_low", "mean_high", "median", "quartile_low", "quartile_high",
)  # fmt: skip
_NORMAL = 1.96


def curve_rows(runs: Iterable[SearchRecord]) -> list[tuple[str | float, ...]]:
    """Rows of `COLUMNS`: the mean with its 95 percent interval (1.96 standard errors), the median with the quartiles.

    `axis` is "trainings" or "seconds"; `quantity` is "value" (the objective) or "reported".
    """
    groups = defaultdict(list)
    for one in runs:
        options = msgspec.json.encode(one.params, order="sorted").decode()
        groups[one.task.name, one.method, options, one.n_train].append(one)
    rows: list[tuple[str | float, ...]] = []
    for group, members in sorted(groups.items(), key=lambda item: item[0]):
        for axis, points in (("trainings", _trainings(members)), ("seconds", _seconds(members))):
            for quantity in ("value", "reported"):
                rows += [
                    (*group, axis, round(at, 6), len(members), quantity, *_band(values))
                    for at, values in _values(members, axis, points, quantity)
                ]
    return rows


def curves_csv(runs: Iterable[SearchRecord]) -> bytes:
    """The rows with their header, as CSV; equal runs give equal bytes."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([[f"{cell:.8g}" if isinstance(cell, float) else cell for cell in row] for row in curve_rows(runs)])
    return stream.getvalue().encode()


def _trainings(members: Sequence[SearchRecord]) -> list[float]:
    shortest = min(one.last[0] for one in members)
    return [float(point) for point in range(1, int(shortest + 1e-9) + 1)]


def _seconds(members: Sequence[SearchRecord]) -> list[float]:
    ends = [one.last[1] for one in members]
    if any(end is None for end in ends):
        return []
    start = max(one.found[0].seconds or 0.0 for one in members)
    end = min(end for end in ends if end is not None)
    return np.linspace(start, end, POINTS).tolist() if end > start else []


def _values(
    members: Sequence[SearchRecord], axis: str, points: Sequence[float], quantity: str
) -> Iterable[tuple[float, Floats]]:
    for point in points:
        values = [_at(one.found, axis, point, quantity) for one in members]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            yield point, np.array(known)


def _at(found: Sequence[Found], axis: str, point: float, quantity: str) -> float | None:
    """What the run had by this point; None where it had nothing yet, or the quantity is not there."""
    by_then = [one for one in found if _when(one, axis) <= point + 1e-9]
    if not by_then:
        return None
    return by_then[-1].value if quantity == "value" else by_then[-1].reported


def _when(one: Found, axis: str) -> float:
    return one.queries if axis == "trainings" else one.seconds or 0.0


def _band(values: Floats) -> tuple[float, ...]:
    mean = float(values.mean())
    half = _NORMAL * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return mean, mean - half, mean + half, median, low, high
