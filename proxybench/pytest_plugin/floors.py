"""Floors: the lowest Kendall's tau that a method may reach on a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from predictors.errors import unknown_name
from proxybench.errors import ProxybenchError
from proxybench.evaluation.tasks import load_tasks
from proxybench.records import Record

Floors = dict[tuple[str, str], float]


class InvalidFloor(ProxybenchError, ValueError):
    """A malformed floor, or one that applies to no job of the run."""


def parse_floors(lines: Iterable[str]) -> Floors:
    """Floors by task and method, from lines TASK/METHOD=FLOOR.

    Raises:
        InvalidFloor: for a malformed line, or a floor outside [-1, 1].
        UnknownName: for an unknown task.
    """
    floors: Floors = {}
    for line in lines:
        place, _, floor = line.rpartition("=")
        task, slash, method = (part.strip() for part in place.partition("/"))
        if not (task and slash and method):
            raise InvalidFloor(f"floor {line!r} is not of the form TASK/METHOD=FLOOR")
        floors[_known(task), method] = _checked(floor, line)
    return floors


def declared_floors(entrants: Mapping[str, Any]) -> Floors:
    """The floors passed to the decorator `entrant`; errors as in `parse_floors`."""
    return {
        (_known(task), name): _checked(floor, f"{task}: {floor!r} of {name}")
        for name, thing in entrants.items()
        for task, floor in thing.__proxybench_floors__.items()
    }


def below_floor(record: Record, floor: float) -> str:
    """A message with interval, task and population if the record is below the floor, otherwise empty."""
    kendall = record.metrics.get("kendall")
    if kendall is not None and kendall >= floor:
        return ""
    low, high = record.intervals.get("kendall", (None, None))
    figure = "undefined" if kendall is None else f"{kendall:.4f}"
    interval = "" if low is None or high is None else f" [{low:.4f}, {high:.4f}]"
    scored = record.metrics.get("attempted")
    n = record.task.size if scored is None else int(scored)
    trained = f", trained on {record.n_train}" if record.n_train else ""
    return (
        f"kendall {figure}{interval} is below the floor {floor:g} on task {record.task.name}, "
        f"population {record.task.population}, n={n}{trained}"
    )


def _known(task: str) -> str:
    if task not in load_tasks():
        raise unknown_name("task", task, load_tasks())
    return task


def _checked(floor: object, where: str) -> float:
    try:
        value = float(str(floor))
    except ValueError:
        value = float("nan")
    if not -1 <= value <= 1:
        raise InvalidFloor(f"floor {where}: Kendall's tau is a number from -1 to 1")
    return value
