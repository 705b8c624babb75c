"""A line for each entry of the leaderboard as plain values, which the page of a method shows.

Lines refer to tasks and methods by their numbers in `front_content`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from proxybench.leaderboard.page.front_content import label_of, tasks_of
from proxybench.leaderboard.page.rounding import rounded
from proxybench.leaderboard.page.sources import is_ours
from proxybench.leaderboard.ranks.entries import Entry
from proxybench.leaderboard.ranks.overall import Ranked


def line_content(entries: Sequence[Entry], ranked: Ranked, own: Collection[str]) -> list[list[float | None]]:
    """Of each entry: method, task, training size, tau with its interval, rank, marks, seconds, seconds to fit.

    Args:
        entries: all of the leaderboard.
        ranked: the ranks on every task.
        own: the tasks from `sources.own_tasks`.
    """
    task_numbers = {task.name: number for number, task in enumerate(tasks_of(entries))}
    label_numbers = {label: number for number, label in enumerate(sorted({label_of(entry) for entry in entries}))}
    ranks = {id(place.entry): place.rank for found in ranked.values() for places in found.values() for place in places}
    return [
        [
            label_numbers[label_of(entry)],
            task_numbers[entry.task.name],
            entry.n_train,
            *_estimate(entry),
            ranks.get(id(entry)),
            int(entry.complete) + 2 * is_ours(entry, own),
            rounded(entry.seconds_per_architecture, 3),
            rounded(entry.cost("fit_s"), 3),
        ]
        for entry in entries
    ]


def _estimate(entry: Entry) -> list[float | None]:
    tau = entry.metric("kendall")
    return [rounded(value, 4) for value in ((tau.mean, tau.low, tau.high) if tau else (None, None, None))]
