"""The rankings on the page as plain values: tasks, entries, ranks, comparisons, Pareto fronts and scores.

Parts refer to each other by index. Numbers keep six significant digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from proxybench.leaderboard.ranks.entries import Entry, Estimate
from proxybench.leaderboard.ranks.overall import Comparison, Ranked
from proxybench.leaderboard.ranks.pools import GUESTS, Pool
from proxybench.leaderboard.ranks.scores import TaskScores, Value
from proxybench.leaderboard.ranks.tables import failed

MOST_SCORES = 150_000
COSTS: dict[str, Callable[[Entry], float | None]] = {
    "seconds_per_architecture": lambda entry: entry.seconds_per_architecture,
    "fit_s": lambda entry: entry.cost("fit_s"),
    "trained_on": lambda entry: float(entry.trained_on),
}


def rank_content(
    entries: Sequence[Entry],
    ranked: Ranked,
    comparisons: Sequence[Comparison],
    suites: Mapping[str, Iterable[str]],
    scores: Mapping[str, TaskScores],
) -> dict[str, Any]:
    """All of these, ready to be written as JSON."""
    numbers = {id(entry): number for number, entry in enumerate(entries)}
    tasks = sorted({entry.task.name: entry.task for entry in entries}.items())
    task_numbers = {name: number for number, (name, _) in enumerate(tasks)}
    pools = sorted({pool for found in ranked.values() for pool in found}, key=lambda pool: pool.order)
    metrics = sorted({name for entry in entries for name in entry.metric_names})
    runs = _Runs()
    on_front = _on_front(entries)
    shown = plotted(entries)
    return {
        "tasks": [
            {**msgspec.structs.asdict(task), "suites": [suite for suite in sorted(suites) if name in suites[suite]]}
            for name, task in tasks
        ],
        "pools": [{"name": pool.name, "measure": pool.measure[0], "n_train": pool.n_train} for pool in pools],
        "metrics": metrics,
        "entries": [
            {
                **_entry(entry, metrics),
                "task": task_numbers[entry.task.name],
                "failed": failed(entry),
                "pool": pools.index(Pool(entry.kind, entry.n_train)) if entry.kind not in GUESTS else None,
                "plotted": number in shown,
                "front": [cost for cost in COSTS if number in on_front[cost]],
                "runs": runs.of(entry),
            }
            for number, entry in enumerate(entries)
        ],
        "provenance": runs.provenance,
        "ranks": [
            [task_numbers[task], pools.index(pool), numbers[id(place.entry)], place.rank]
            for task, found in ranked.items()
            for pool, places in found.items()
            for place in places
        ],
        "comparisons": [_comparison(comparison, pools, task_numbers) for comparison in comparisons],
        "scores": _scores(scores, set(task_numbers)),
    }


class _Runs:
    """The records of entries; provenance that several records share is stored once."""

    def __init__(self) -> None:
        self.provenance: list[dict[str, str]] = []
        self._numbers: dict[tuple[tuple[str, str], ...], int] = {}

    def of(self, entry: Entry) -> list[list[object]]:
        """For each repeat: number, outcome, tau, Spearman's rho, peak memory, provenance, message."""
        return [
            [
                record.repeat,
                record.outcome,
                rounded(record.metrics.get("kendall")),
                rounded(record.metrics.get("spearman")),
                rounded(record.cost.get("peak_mb")),
                self._number(record.provenance),
                record.message,
            ]
            for record in entry.records
        ]

    def _number(self, provenance: dict[str, str]) -> int:
        key = tuple(sorted(provenance.items()))
        if key not in self._numbers:
            self._numbers[key] = len(self.provenance)
            self.provenance.append(dict(key))
        return self._numbers[key]


def _entry(entry: Entry, metrics: Sequence[str]) -> dict[str, object]:
    estimates = {name: estimate for name in metrics if (estimate := entry.metric(name))}
    return {
        "method": entry.method,
        "label": entry.label,
        "kind": entry.kind,
        "params": "" if entry.params == "{}" else entry.params,
        "n_train": entry.n_train,
        "trained_on": entry.trained_on,
        "outcome": entry.outcome,
        "missing": list(entry.missing),
        "values": [rounded(estimates[name].mean) if name in estimates else None for name in metrics],
        "spread": {name: _spread(one) for name, one in estimates.items() if (one.sd, one.low) != (None, None)},
        "seconds": rounded(entry.seconds_per_architecture),
        "fit_s": rounded(entry.cost("fit_s")),
        "cost": {name: rounded(cost) for name in _cost_names(entry) if (cost := entry.cost(name)) is not None},
    }


def _cost_names(entry: Entry) -> list[str]:
    return sorted({name for record in entry.records for name in record.cost})


def _spread(estimate: Estimate) -> list[float | None]:
    return [rounded(estimate.sd), rounded(estimate.low), rounded(estimate.high)]


def _comparison(comparison: Comparison, pools: Sequence[Pool], task_numbers: Mapping[str, int]) -> dict[str, object]:
    found = comparison.significance
    return {
        "scope": comparison.scope,
        "pool": pools.index(comparison.pool),
        "tasks": [task_numbers[name] for name in comparison.tasks],
        "compared_on": [task_numbers[name] for name in comparison.compared_on],
        "difference": rounded(found.difference) if found else None,
        "p_value": rounded(found.p_value) if found else None,
        "standings": [
            [
                standing.label,
                standing.kind,
                standing.place,
                rounded(standing.average_rank),
                rounded(standing.average_rank_where_ranked),
                standing.ranked_on,
                standing.wins,
                rounded(standing.kendall),
                rounded(standing.spearman),
                rounded(standing.seconds_per_architecture),
                rounded(standing.fit_s),
            ]
            for standing in comparison.standings
        ],
    }


def _on_front(entries: Sequence[Entry]) -> dict[str, set[int]]:
    """By cost, the entries on the Pareto front of their task, as cost and tau."""
    found: dict[str, set[int]] = {}
    shown = plotted(entries)
    for name, cost_of in COSTS.items():
        points: dict[str, list[tuple[float, float, int]]] = {}
        for number, entry in enumerate(entries):
            cost, tau = cost_of(entry), entry.metric("kendall")
            if cost is not None and tau is not None and entry.complete and number in shown:
                points.setdefault(entry.task.name, []).append((cost, -tau.mean, number))
        found[name] = {number for of_task in points.values() for number in pareto_front(of_task)}
    return found


def plotted(entries: Sequence[Entry]) -> set[int]:
    """Numbers of the entries to plot against cost; methods that do not learn only on the split of least n_train."""
    least: dict[tuple[str, str], int] = {}
    for entry in entries:
        key = entry.task.name, entry.label
        least[key] = min(least.get(key, entry.n_train), entry.n_train)
    return {
        number
        for number, entry in enumerate(entries)
        if entry.trained_on or entry.n_train == least[entry.task.name, entry.label]
    }


def pareto_front(points: Iterable[tuple[float, float, int]]) -> list[int]:
    """Numbers of the points (cost, loss, number) that no other point dominates."""
    front: list[int] = []
    best: tuple[float, float] | None = None
    for cost, loss, number in sorted(points):
        if best is None or loss < best[1] or (cost, loss) == best:
            front.append(number)
            best = cost, loss
    return front


def _scores(scores: Mapping[str, TaskScores], tasks: set[str]) -> dict[str, object]:
    """Scores of the recorded tasks; every n-th architecture if all of them would make the page too large."""
    chosen = {name: found for name, found in scores.items() if name in tasks}
    total = sum(len(found.target) * (len(found.methods) + 1) for found in chosen.values())
    step = -(-total // MOST_SCORES) or 1
    return {
        name: {
            "size": found.size,
            "target": _digits(found.target[::step]),
            "methods": {method: _digits(values[::step]) for method, values in sorted(found.methods.items())},
            "archs": found.archs[::step] if found.archs and step == 1 else None,
            "names": found.spearman.names,
            "spearman": [[rounded(value, 3) for value in row] for row in found.spearman.matrix],
        }
        for name, found in sorted(chosen.items())
    }


def _digits(values: Sequence[Value]) -> list[Value]:
    return [rounded(value, 5) for value in values]


def rounded(value: float | None, digits: int = 6) -> float | None:
    """The value rounded to this number of significant digits."""
    return None if value is None else float(f"{value:.{digits}g}")
