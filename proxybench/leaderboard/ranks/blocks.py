"""The comparison without a gap: which methods are compared on which tasks, when not every method has every task.

The rule: of all sets of methods and tasks in which every method has every task, the one with the most pairs of method
and task. It has at least three methods and two tasks if any set does, since two methods or one task say little. Of sets
with equally many pairs, the one with more tasks counts, then the one whose tasks come first in the alphabet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

METHODS, TASKS = 3, 2  # a block has at least as many if any block does
MOST_SETS = 20_000  # of tasks that are looked at; real leaderboards have some hundred


def largest_block(tasks_of: Mapping[str, set[str]], guests: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """Methods, and the tasks that they all have, both in alphabetical order, by the rule of this module.

    Args:
        tasks_of: the tasks that each method has.
        guests: methods that do not count in the rule, such as controls, unless there are no others. Those that have
            all tasks of the block join it.

    Returns:
        Two empty lists if no method has a task.
    """
    hosts = {name: frozenset(tasks) for name, tasks in tasks_of.items() if name not in set(guests)}
    hosts = hosts or {name: frozenset(tasks) for name, tasks in tasks_of.items()}
    best: frozenset[str] = frozenset()
    most: tuple[bool, int, int] = (False, 0, 0)
    for tasks in sorted(_shared_sets(hosts.values()), key=sorted):
        methods = sum(tasks <= having for having in hosts.values())
        worth = (methods >= METHODS and len(tasks) >= TASKS, methods * len(tasks), len(tasks))
        if worth > most:
            best, most = tasks, worth
    return (sorted(name for name in tasks_of if best <= tasks_of[name]), sorted(best)) if best else ([], [])


def _shared_sets(having: Iterable[frozenset[str]]) -> set[frozenset[str]]:
    """Every set of tasks that is all that some methods share: the tasks of the block of any methods are one of them.

    Sets of many tasks come first, in case there are more than MOST_SETS.
    """
    shared: set[frozenset[str]] = set()
    for tasks in sorted(set(having), key=lambda tasks: (-len(tasks), sorted(tasks))):
        found = {tasks, *(tasks & other for other in shared)}
        shared |= {one for one in found if one}
        if len(shared) > MOST_SETS:
            break
    return shared
