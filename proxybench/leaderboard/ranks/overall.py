"""Average ranks over tasks, by scope and pool, with the critical difference for significance.

A scope is a set of tasks: all of them, those of a suite, those of a benchmark. Average ranks compare methods only over
the same tasks: all of them if at least three methods are complete on all, otherwise the largest block of methods and
tasks without a gap (`shared_block`). Methods that lack some of these tasks come below, with their average rank over
the tasks that they have.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from proxybench.leaderboard.ranks.entries import Entry
from proxybench.leaderboard.ranks.pools import GUESTS, Place, Pool, pools_of

ALL = "all tasks"
ENOUGH = 3
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
class Significance:
    """Friedman's test, and the critical difference of average ranks in Nemenyi's test at the 5 percent level.

    Attributes:
        p_value: of Friedman's test with Iman and Davenport's correction; None where all methods tie.
    """

    difference: float
    p_value: float | None


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


def rank_tasks(entries: Iterable[Entry]) -> dict[str, dict[Pool, list[Place]]]:
    """Pools and ranks by task name."""
    by_task: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_task[entry.task.name].append(entry)
    return {name: pools_of(by_task[name]) for name in sorted(by_task)}


def scopes_of(entries: Sequence[Entry], suites: Mapping[str, Iterable[str]]) -> list[Scope]:
    """All tasks, those of each suite and those of each benchmark."""
    everything = tuple(sorted({entry.task.name for entry in entries}))
    benchmarks: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        benchmarks[entry.task.benchmark].add(entry.task.name)
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
    names, tasks = shared_block({name: set(found) for name, found in values.items()}, guests)
    table = [[values[name][task] for name in names] for task in tasks]
    ranks = _average_ranks(names, table)
    return Comparison(
        scope=scope.name,
        pool=pool,
        tasks=tuple(by_task),
        compared_on=tuple(tasks),
        standings=_standings(by_task, ranks),
        significance=_significance(names, table),
    )


def shared_block(tasks_of: Mapping[str, set[str]], guests: Iterable[str]) -> tuple[list[str], list[str]]:
    """Methods, and the tasks that they all have.

    If ENOUGH methods have all tasks of the pool, the block is these tasks. Otherwise methods are sorted by their number
    of tasks, and the block is the tasks that the first k of them share, for the k with the largest product of methods
    and tasks; if possible k is at least half of the methods, so that the method with the most tasks does not decide
    alone. Methods that no chain of common tasks connects with these, such as those of another benchmark, do not count.
    Guests do not shape the block; those that have its tasks join it.
    """
    hosts = set(tasks_of) - set(guests) or set(tasks_of)
    order = sorted(_connected({name: tasks_of[name] for name in hosts}), key=lambda name: (-len(tasks_of[name]), name))
    best: tuple[list[str], set[str]] = [], set()
    most = (False, 0)
    half = (len(order) + 1) // 2
    shared = set().union(*tasks_of.values())
    everywhere = [name for name in order if tasks_of[name] == shared]
    if len(everywhere) >= ENOUGH:
        order = everywhere
    for size, name in enumerate(order, start=1):
        shared = shared & tasks_of[name]
        worth = (size >= half, size * len(shared))
        if shared and worth > most:
            best, most = (order[:size], shared), worth
    chosen, tasks = best
    joining = [name for name in tasks_of if tasks and name not in chosen and tasks <= tasks_of[name]]
    return sorted([*chosen, *joining]), sorted(tasks)


def _connected(tasks_of: Mapping[str, set[str]]) -> list[str]:
    """Of the groups of methods connected by common tasks, the one with the most pairs of method and task."""
    groups: list[tuple[list[str], set[str]]] = []
    for name in sorted(tasks_of):
        met = [group for group in groups if group[1] & tasks_of[name]]
        names = [other for group in met for other in group[0]]
        joined = [*names, name], tasks_of[name].union(*(tasks for _, tasks in met))
        groups = [*(group for group in groups if group not in met), joined]
    return max((names for names, _ in groups), key=lambda names: sum(len(tasks_of[name]) for name in names), default=[])


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


def _average_ranks(names: Sequence[str], table: Sequence[Sequence[float]]) -> dict[str, float]:
    from proxybench.ranking.comparison import average_ranks

    if len(names) < 2:
        return dict.fromkeys(names, 1.0)
    return dict(zip(names, average_ranks(table).tolist(), strict=True))


def _significance(names: Sequence[str], table: Sequence[Sequence[float]]) -> Significance | None:
    from proxybench.ranking.comparison import friedman, nemenyi_difference

    if len(names) < ENOUGH or len(table) < 2:
        return None
    p_value = friedman(table).f_p_value
    return Significance(nemenyi_difference(len(names), len(table)), None if math.isnan(p_value) else p_value)


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
