"""The comparison without a gap: which methods are compared on which tasks, when not every method has every task.

The rule: of all sets of methods and tasks in which every method has every task, the one with the most pairs of method
and task. It has at least three methods and two tasks if any set does, since two methods or one task say little. Of sets
with equally many pairs, the one with more tasks counts, then the one whose tasks come first in the alphabet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

METHODS, TASKS = 3, 2  # a block has at least as many if any block does
MOST_SETS = 20_000  # of tasks that are looked at; real leaderboards have some hundred


class Block(NamedTuple):
    """Methods, and the tasks that they all have, both in alphabetical order; empty if no method has a task."""

    methods: list[str]
    tasks: list[str]


def largest_block(
    tasks_of: Mapping[str, AbstractSet[str]], guests: Iterable[str] = (), methods: int = METHODS, tasks: int = TASKS
) -> Block:
    """The block of the rule of this module.

    Args:
        tasks_of: the tasks that each method has.
        guests: methods that do not count in the rule, such as controls, unless there are no others. Those that have
            all tasks of the block join it.
        methods: how many methods the block has at least, guests apart, if any block has as many.
        tasks: how many tasks it has at least, likewise.
    """
    apart = set(guests)
    everyone = {name: frozenset(having) for name, having in tasks_of.items()}
    hosts = {name: having for name, having in everyone.items() if name not in apart} or everyone
    best: frozenset[str] = frozenset()
    most: tuple[bool, int, int] = (False, 0, 0)
    for shared in sorted(_shared_sets(hosts.values()), key=sorted):
        count = sum(shared <= having for having in hosts.values())
        worth = (count >= methods and len(shared) >= tasks, count * len(shared), len(shared))
        if worth > most:
            best, most = shared, worth
    return Block(sorted(name for name in everyone if best <= everyone[name]) if best else [], sorted(best))


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
