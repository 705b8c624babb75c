"""Average ranks of methods over the tasks of the largest block without a gap."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from typing import NamedTuple

from proxybench.leaderboard.ranks.blocks import largest_block

ENOUGH = 3  # methods, for a test of average ranks


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
        return Standings(ordered, tuple(tasks), None, None)
    p_value = friedman(table).f_p_value
    return Standings(
        ordered, tuple(tasks), nemenyi_difference(len(methods), len(tasks)), None if math.isnan(p_value) else p_value
    )
