"""Average ranks over tasks, by scope and pool, with the critical difference for significance.

A scope is a set of tasks: all of them, those of a suite, those of a benchmark. Average ranks compare methods only over
the same tasks: those of the largest block of methods and tasks without a gap (`blocks.largest_block`). Methods that
lack some of these tasks come below, with their average rank over the tasks that they have.

The tasks of a suite in APART have a scope of their own and belong to no other, since a method's name does not mean the
same there as elsewhere.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from proxybench.leaderboard.ranks.averages import Significance, average_over_block
from proxybench.leaderboard.ranks.entries import Entry
from proxybench.leaderboard.ranks.pools import GUESTS, Place, Pool, pools_of

ALL = "all tasks"
APART = ("full-size",)  # suites whose plain names are scores of this project, elsewhere those of the table
Ranked = Mapping[str, Mapping[Pool, Sequence[Place]]]


class Scope(NamedTuple):
    """A named set of tasks; the names are unique within a leaderboard."""

    name: str
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """A method over the tasks of a scope and pool.

    Attributes:
        place: by `average_rank`, ties sharing the mean; None for a method outside the comparison.
        average_rank: over the compared tasks, among the compared methods.
        average_rank_where_ranked: over all tasks on which it is ranked, among all methods ranked there.
        ranked_on: number of these tasks.
        wins: number of tasks on which it is complete and no complete method ranks before it.
        kendall: mean over the tasks that have it; the other metrics likewise.
    """

    label: str
    method: str
    kind: str
    params: str
    place: float | None
    average_rank: float | None
    average_rank_where_ranked: float | None
    ranked_on: int
    wins: int
    kendall: float | None
    spearman: float | None
    seconds_per_architecture: float | None
    fit_s: float | None


@dataclass(frozen=True)
class Comparison:
    """The methods of a scope and pool, best first.

    Attributes:
        tasks: names of all tasks of the scope that have the pool.
        compared_on: the tasks on which the placed methods are compared.
        significance: None unless three methods are compared on two tasks.
    """

    scope: str
    pool: Pool
    tasks: tuple[str, ...]
    compared_on: tuple[str, ...]
    standings: tuple[Standing, ...]
    significance: Significance | None

    @property
    def compared(self) -> tuple[str, ...]:
        """Labels of the methods that are compared, best first."""
        return tuple(standing.label for standing in self.standings if standing.place is not None)

    @property
    def basis(self) -> str:
        """A sentence that says which methods are compared on which tasks."""
        methods = f"{len(self.compared)} of {len(self.standings)} methods"
        if len(self.tasks) == 1:
            return f"{methods} compared on one task."
        whole = len(self.compared_on) == len(self.tasks)
        tasks = f"all {len(self.tasks)}" if whole else f"{len(self.compared_on)} of {len(self.tasks)}"
        return f"{methods} compared on {tasks} tasks: the largest set of methods and tasks without a gap."


def rank_tasks(entries: Iterable[Entry]) -> dict[str, dict[Pool, list[Place]]]:
    """Pools and ranks by task name."""
    by_task: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_task[entry.task.name].append(entry)
    return {name: pools_of(by_task[name]) for name in sorted(by_task)}


def scopes_of(entries: Sequence[Entry], suites: Mapping[str, Iterable[str]]) -> list[Scope]:
    """All tasks, those of each suite and those of each benchmark; see APART."""
    apart = {task for suite in APART for task in suites.get(suite, ())}
    benchmarks: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.task.name not in apart:
            benchmarks[entry.task.benchmark].add(entry.task.name)
    everything = tuple(sorted(task for tasks in benchmarks.values() for task in tasks))
    parts = [Scope(f"suite {name}", tuple(sorted(suites[name]))) for name in sorted(suites)]
    parts += [Scope(f"benchmark {name}", tuple(sorted(benchmarks[name]))) for name in sorted(benchmarks)]
    return [Scope(ALL, everything), *parts]


def compare(ranked: Ranked, scope: Scope) -> list[Comparison]:
    """A comparison for every pool that a task of the scope has."""
    columns: defaultdict[Pool, dict[str, Sequence[Place]]] = defaultdict(dict)
    for task in scope.tasks:
        for pool, places in ranked[task].items():
            columns[pool][task] = places
    return [_compare(scope, pool, columns[pool]) for pool in sorted(columns, key=lambda pool: pool.order)]


def _compare(scope: Scope, pool: Pool, by_task: Mapping[str, Sequence[Place]]) -> Comparison:
    values = _complete_values(pool, by_task)
    guests = {place.entry.label for places in by_task.values() for place in places if place.entry.kind in GUESTS}
    found = average_over_block(values, guests)
    return Comparison(
        scope=scope.name,
        pool=pool,
        tasks=tuple(by_task),
        compared_on=found.tasks,
        standings=_standings(by_task, found.ranks),
        significance=found.significance,
    )


def _complete_values(pool: Pool, by_task: Mapping[str, Sequence[Place]]) -> dict[str, dict[str, float]]:
    """The pool's measure, larger better, of complete entries, by label and task."""
    metric, more_is_better = pool.measure
    values: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for task, places in by_task.items():
        for entry, _ in places:
            estimate = entry.metric(metric)
            if estimate is not None and entry.complete:
                values[entry.label][task] = estimate.mean if more_is_better else -estimate.mean
    return dict(values)


def _standings(by_task: Mapping[str, Sequence[Place]], ranks: Mapping[str, float]) -> tuple[Standing, ...]:
    places: defaultdict[str, list[Place]] = defaultdict(list)
    for chosen in by_task.values():
        for place in chosen:
            places[place.entry.label].append(place)
    found = [_standing(label, chosen, ranks, by_task) for label, chosen in places.items()]
    return tuple(sorted(found, key=_order))


def _order(standing: Standing) -> tuple[float, int, float, str]:
    """Placed methods by place, then the others by the number of their tasks and their rank there."""
    if standing.place is not None:
        return standing.place, 0, 0.0, standing.label
    return math.inf, -standing.ranked_on, standing.average_rank_where_ranked or math.inf, standing.label


def _standing(
    label: str, places: Sequence[Place], ranks: Mapping[str, float], by_task: Mapping[str, Sequence[Place]]
) -> Standing:
    entries = [place.entry for place in places]
    own = [place.rank for place in places if place.rank is not None]
    return Standing(
        label=label,
        method=entries[0].method,
        kind=entries[0].kind,
        params=entries[0].params,
        place=_place(ranks[label], list(ranks.values())) if label in ranks else None,
        average_rank=ranks.get(label),
        average_rank_where_ranked=_mean(own),
        ranked_on=len(own),
        wins=sum(_leads(place, by_task[place.entry.task.name]) for place in places),
        kendall=_mean(estimate.mean for entry in entries if (estimate := entry.metric("kendall"))),
        spearman=_mean(estimate.mean for entry in entries if (estimate := entry.metric("spearman"))),
        seconds_per_architecture=_mean(s for entry in entries if (s := entry.seconds_per_architecture) is not None),
        fit_s=_mean(s for entry in entries if (s := entry.cost("fit_s")) is not None),
    )


def _leads(place: Place, rivals: Sequence[Place]) -> bool:
    """Whether an entry is complete and no complete one ranks before it."""
    best = next((one.rank for one in rivals if one.entry.complete), None)
    return place.entry.complete and place.rank is not None and place.rank == best


def _place(rank: float, ranks: Sequence[float]) -> float:
    return 1 + sum(other < rank for other in ranks) + (ranks.count(rank) - 1) / 2


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return math.fsum(found) / len(found) if found else None
