"""Average ranks as the page shows them: for two methods or more, with the numbers of the test in one place."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

from proxybench.leaderboard.ranks.averages import average_over_block


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
    found = average_over_block(values, guests)
    if len(found.ranks) < 2:
        return None
    test = found.significance
    if test is None:
        return Standings(found.ranks, found.tasks, None, None)
    return Standings(found.ranks, found.tasks, test.difference, test.p_value)
