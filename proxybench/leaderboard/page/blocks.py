"""Which methods are compared on which tasks: the largest block of both without a gap, and average ranks in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from typing import NamedTuple

ENOUGH = 3  # methods, for a test of average ranks


class Block(NamedTuple):
    """Methods that all have all of the tasks; both sorted."""

    methods: tuple[str, ...]
    tasks: tuple[str, ...]


class Standings(NamedTuple):
    """Average ranks over the tasks of a block.

    Attributes:
        ranks: average rank by method, best first; 1 is the best, ties share their mean rank.
        tasks: the tasks.
        difference: the critical difference of Nemenyi's test at the 5 percent level; None for fewer than three methods
            or two tasks.
        p_value: of Friedman's test with Iman and Davenport's correction; None where it is undefined.
    """

    ranks: dict[str, float]
    tasks: tuple[str, ...]
    difference: float | None
    p_value: float | None


def largest_block(
    tasks_of: Mapping[str, Set[str]], guests: Set[str] = frozenset(), methods: int = ENOUGH, tasks: int = 2
) -> Block:
    """The block with the most pairs of method and task; of equal blocks the one with more tasks.

    Args:
        tasks_of: the tasks that each method has.
        guests: methods that do not decide which tasks these are; those that have all of them join.
        methods: the block has at least as many methods, and `tasks` tasks, if there is such a block.
        tasks: see `methods`.
    """
    having = {name: frozenset(own) for name, own in tasks_of.items() if own}
    hosts = {name: own for name, own in having.items() if name not in guests} or having
    shared: set[frozenset[str]] = set()
    for own in set(hosts.values()):
        shared |= {own, *(own & other for other in shared)}
    shared.discard(frozenset())
    if not shared:
        return Block((), ())

    def worth(chosen: frozenset[str]) -> tuple[bool, int, int, list[str]]:
        count = sum(chosen <= own for own in hosts.values())
        return count >= methods and len(chosen) >= tasks, count * len(chosen), len(chosen), sorted(chosen)

    best = max(shared, key=worth)
    return Block(tuple(sorted(name for name, own in having.items() if best <= own)), tuple(sorted(best)))


def standings(values: Mapping[str, Mapping[str, float]], guests: Set[str] = frozenset()) -> Standings | None:
    """Average ranks over the largest block, of at least three methods and two tasks if there is one.

    Args:
        values: by method and task, larger is better.
        guests: methods that do not decide which tasks these are.

    Returns:
        None for fewer than two methods.
    """
    from proxybench.ranking.comparison import average_ranks, friedman, nemenyi_difference

    methods, tasks = largest_block({name: set(own) for name, own in values.items()}, guests)
    if len(methods) < 2:
        return None
    table = [[values[name][task] for name in methods] for task in tasks]
    ranks = dict(zip(methods, average_ranks(table).tolist(), strict=True))
    ordered = dict(sorted(ranks.items(), key=lambda item: (item[1], item[0])))
    if len(methods) < ENOUGH or len(tasks) < 2:
        return Standings(ordered, tasks, None, None)
    p_value = friedman(table).f_p_value
    return Standings(
        ordered, tasks, nemenyi_difference(len(methods), len(tasks)), None if math.isnan(p_value) else p_value
    )
