"""What the page shows of one benchmark as plain values: every entry with its repeats, scores of architectures.

Parts refer to each other by index. Numbers keep six significant digits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from proxybench.leaderboard.page.names import OURS, in_words, split_source
from proxybench.leaderboard.page.rounding import rounded
from proxybench.leaderboard.page.sources import base_name, label_in_task
from proxybench.leaderboard.ranks.entries import Entry, Estimate
from proxybench.leaderboard.ranks.overall import Ranked
from proxybench.leaderboard.ranks.pools import GUESTS, Pool
from proxybench.leaderboard.ranks.scores import TaskScores, Value
from proxybench.leaderboard.ranks.tables import failed

MOST_SCORES = 150_000
COSTS: dict[str, Callable[[Entry], float | None]] = {
    "seconds_per_architecture": lambda entry: entry.seconds_per_architecture,
    "fit_s": lambda entry: entry.cost("fit_s"),
    "trained_on": lambda entry: float(entry.trained_on),
}


def benchmark_content(
    entries: Sequence[Entry], ranked: Ranked, own: Collection[str], scores: Mapping[str, TaskScores]
) -> dict[str, Any]:
    """The entries of a benchmark's tasks, ready to be written as JSON.

    Args:
        entries: of the benchmark alone.
        ranked: the ranks on every task of the leaderboard.
        own: the tasks from `sources.own_tasks`.
        scores: of single architectures, by task.
    """
    tasks = sorted({entry.task.name for entry in entries})
    pools = sorted({pool for task in tasks for pool in ranked[task]}, key=lambda pool: pool.order)
    metrics = sorted({name for entry in entries for name in entry.metric_names})
    numbers = {id(entry): number for number, entry in enumerate(entries)}
    on_front = _on_front(entries)
    shown = plotted(entries)
    runs = _Runs()
    return {
        "pools": [{"name": pool.name, "measure": pool.measure[0], "n_train": pool.n_train} for pool in pools],
        "metrics": metrics,
        "entries": [
            {
                **_entry(entry, metrics, own),
                "task": entry.task.name,
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
            [pools.index(pool), numbers[id(place.entry)], place.rank]
            for task in tasks
            for pool, places in ranked[task].items()
            for place in places
        ],
        "scores": _scores(scores, {name: _labels(entries, name, own) for name in tasks}),
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


def _entry(entry: Entry, metrics: Sequence[str], own: Collection[str]) -> dict[str, object]:
    estimates = {name: estimate for name in metrics if (estimate := entry.metric(name))}
    return {
        "label": label_in_task(entry, own),
        "method": base_name(entry.method, entry.kind),
        "kind": entry.kind,
        "params": in_words(entry.params),
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


def _labels(entries: Iterable[Entry], task: str, own: Collection[str]) -> dict[str, str]:
    return {entry.label: label_in_task(entry, own) for entry in entries if entry.task.name == task}


def _scores(scores: Mapping[str, TaskScores], labels: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """Scores of the recorded tasks, methods by their labels in the task.

    If all architectures would make the file too large, every n-th is shown.
    """
    chosen = {name: found for name, found in scores.items() if name in labels}
    total = sum(len(found.target) * (len(found.methods) + 1) for found in chosen.values())
    step = -(-total // MOST_SCORES) or 1
    return {
        name: {
            "size": found.size,
            "target": _digits(found.target[::step]),
            "methods": {
                _label_of(method, labels[name]): _digits(values[::step])
                for method, values in sorted(found.methods.items())
            },
            "archs": found.archs[::step] if found.archs and step == 1 else None,
            "names": [_label_of(method, labels[name]) for method in found.spearman.names],
            "spearman": [[rounded(value, 3) for value in row] for row in found.spearman.matrix],
        }
        for name, found in sorted(chosen.items())
    }


def _label_of(method: str, labels: Mapping[str, str]) -> str:
    """The label of a scored method, which may lack a record."""
    name, source = split_source(method)
    return labels.get(method) or (name if source == OURS else method)


def _digits(values: Sequence[Value]) -> list[Value]:
    return [rounded(value, 5) for value in values]
