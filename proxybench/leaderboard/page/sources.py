"""Who computed the scores of an entry, and the names that follow from it: `zen`, and `zen, published`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from proxybench.leaderboard.page.names import OURS, shown_name, split_source
from proxybench.leaderboard.ranks.entries import Entry

PROXIES = ("training-free", "training-free with labels")
OWN_SUITES = ("full-size",)  # in these, the plain name of a proxy is this project's computation


def own_tasks(suites: Mapping[str, Iterable[str]]) -> set[str]:
    """The tasks in which plain names of proxies are this project's computation."""
    return {task for suite in OWN_SUITES for task in suites.get(suite, ())}


def is_ours(entry: Entry, own: Collection[str]) -> bool:
    """Whether this project computed the scores of an entry: all but the proxies that publishers stored.

    Args:
        entry: of any method.
        own: the tasks from `own_tasks`.
    """
    if entry.kind not in PROXIES:
        return True
    source = split_source(entry.method)[1]
    return source == OURS or (not source and entry.task.name in own)


def name_of(entry: Entry) -> str:
    """The name of a method in all tasks, whoever computed its scores."""
    return shown_name(base_name(entry.method, entry.kind), entry.params)


def base_name(method: str, kind: str) -> str:
    """The name of a method without arguments and source; `val_acc@12` is a predictor, whose name has no source."""
    return split_source(method)[0] if kind in PROXIES else method


def label_in_task(entry: Entry, own: Collection[str]) -> str:
    """The name within a task, where scores of several sources may meet. Arguments as in `is_ours`."""
    if is_ours(entry, own):
        return name_of(entry)
    return f"{name_of(entry)}, {split_source(entry.method)[1] or 'published'}"
