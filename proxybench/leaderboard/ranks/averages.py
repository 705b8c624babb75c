"""Average ranks of methods over the tasks of the largest block without a gap, and the test of their differences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from proxybench.leaderboard.ranks.blocks import METHODS, TASKS, largest_block


@dataclass(frozen=True)
class Significance:
    """Friedman's test, and the critical difference of average ranks in Nemenyi's test at the 5 percent level.

    Attributes:
        difference: methods whose average ranks differ by this much or more differ significantly.
        p_value: of Friedman's test with Iman and Davenport's correction; None where all methods tie.
        groups: largest sets of two or more labels, best first, that do not differ significantly.
    """

    difference: float
    p_value: float | None
    groups: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Averages:
    """Average ranks over the tasks of a block.

    Attributes:
        ranks: average rank by method, best first; 1 is the best, ties share their mean rank.
        tasks: the tasks.
        significance: None unless three methods are compared on two tasks.
    """

    ranks: dict[str, float]
    tasks: tuple[str, ...]
    significance: Significance | None


def average_over_block(values: Mapping[str, Mapping[str, float]], guests: Iterable[str] = ()) -> Averages:
    """Average ranks over the block of `largest_block`.

    Args:
        values: by method and task, larger is better.
        guests: methods that do not decide which tasks these are.
    """
    from proxybench.ranking.comparison import average_ranks, friedman, nemenyi_difference, rank_groups

    names, tasks = largest_block({name: set(own) for name, own in values.items()}, guests)
    if len(names) < 2:
        return Averages(dict.fromkeys(names, 1.0), tuple(tasks), None)
    table = [[values[name][task] for name in names] for task in tasks]
    ranks = dict(zip(names, average_ranks(table).tolist(), strict=True))
    ranks = dict(sorted(ranks.items(), key=lambda item: (item[1], item[0])))
    if len(names) < METHODS or len(tasks) < TASKS:
        return Averages(ranks, tuple(tasks), None)
    p_value, difference = friedman(table).f_p_value, nemenyi_difference(len(names), len(tasks))
    groups = rank_groups(ranks, difference)
    return Averages(ranks, tuple(tasks), Significance(difference, None if math.isnan(p_value) else p_value, groups))
