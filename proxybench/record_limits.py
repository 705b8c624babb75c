"""Limits for the numbers and texts of a record. A record outside these limits was not produced by a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from proxybench.records import Record, TaskIdentity

MOST_REPEATS = 100_000
MOST_TRAININGS = 10**9
LARGEST = 1e100  # for any number, so that sums and squares of many stay finite
LONGEST_COST = 1e12  # seconds or megabytes; 30,000 years
LONGEST_NAME = 2_000
LONGEST_TEXT = 20_000
MOST_ITEMS = 1_000
Value = TypeVar("Value")
_SLACK = 1e-6  # sums of floats may exceed a limit in their last digits
_CORRELATIONS = ("kendall", "spearman", "pearson", "noise_ceiling")
_SHARES = ("precision_at", "recall_at", "ndcg_at", "best_rank_share_at")
_COUNTS = ("attempted", "answered")
_BEST_RANK, _REGRET = "best_rank_at", "regret_at"


def check_record(record: Record) -> None:
    """Raise ValueError, naming the field, if a number or text of a record is impossible."""
    check_task(record.task)
    _check_text("method", record.method, LONGEST_NAME, empty=False)
    for name, text in (("message", record.message), ("code", record.code)):
        _check_text(name, text, LONGEST_TEXT)
    _check_items("metrics", record.metrics)
    _check_items("params", record.params)
    for name, value in record.params.items():
        if isinstance(value, str):
            _check_text(f"parameter {name}", value, LONGEST_TEXT)
        elif value is not None:
            check_number(f"parameter {name}", value, math.inf)
    for name, text in _check_items("provenance", record.provenance).items():
        _check_text(f"provenance {name}", text, LONGEST_NAME)
    _check_numbers(record)


def check_task(task: TaskIdentity) -> None:
    """Raise ValueError if a text or number of a task is impossible."""
    for name in ("name", "benchmark", "dataset", "population", "split", "target", "table"):
        _check_text(f"task {name}", getattr(task, name), LONGEST_NAME)
    check_within("task version", task.version, 0, LONGEST_COST)
    check_within("task size", task.size, 0, LONGEST_COST)


def check_number(name: str, value: float, largest: float = LARGEST) -> None:
    """Raise ValueError for an infinite number or one above `largest`; NaN means no value."""
    if _is_real(value) and ((isinstance(value, float) and math.isinf(value)) or abs(value) > largest):
        raise ValueError(f"{name} is {_shown(value)}; no run produces such a number")


def check_within(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError for a number outside these limits; NaN means no value."""
    if _is_real(value) and (value < low - _SLACK or value > high + _SLACK * max(1.0, abs(high))):
        raise ValueError(f"{name} is {_shown(value)}; it must be between {low:g} and {high:g}")


def check_costs(costs: Iterable[tuple[str, float | None]]) -> None:
    """Raise ValueError for negative, infinite or absurd seconds and megabytes."""
    for name, value in costs:
        if value is not None:
            check_within(name, value, 0, LONGEST_COST)


def check_interval(name: str, low: float | None, high: float | None) -> None:
    """Raise ValueError for an interval with a missing end, or with its ends reversed."""
    if (low is None) != (high is None):
        raise ValueError(f"the interval of {name} has only one end")
    if low is not None and high is not None and low > high:
        raise ValueError(f"the interval of {name} is reversed: {_shown(low)} to {_shown(high)}")


def _check_numbers(record: Record) -> None:
    size = record.task.size
    check_within("repeat", record.repeat, 0, 2**63 if record.kind == "search" else MOST_REPEATS)  # there a seed
    check_within("n_train", record.n_train, 0, MOST_TRAININGS)
    for name, value in record.metrics.items():
        if value is not None:
            _check_metric(name, value, size)
    for name, (low, high) in _check_items("intervals", record.intervals).items():
        check_interval(name, low, high)
        for end in (low, high):
            if end is not None:
                _check_metric(name, end, size)
    check_costs(_check_items("cost", record.cost).items())


def _check_metric(name: str, value: float, size: int) -> None:
    """Check a metric against its definition; metrics with other names must only be finite."""
    check_number(name, value)
    if name.startswith(_CORRELATIONS):
        check_within(name, value, -1, 1)
    elif name.startswith(_SHARES):
        check_within(name, value, 0, 1)
    elif name in _COUNTS:
        check_within(name, value, 0, size)
    elif name.startswith(_BEST_RANK):
        check_within(name, value, 1, size)
    elif name.startswith(_REGRET):
        check_within(name, value, 0, LARGEST)


def _check_items(name: str, items: Mapping[str, Value]) -> Mapping[str, Value]:
    if len(items) > MOST_ITEMS:
        raise ValueError(f"{name} has {len(items)} items; at most {MOST_ITEMS} are allowed")
    for key in items:
        _check_text(f"a name in {name}", key, LONGEST_NAME)
    return items


def _check_text(name: str, text: str, longest: int, *, empty: bool = True) -> None:
    if len(text) > longest:
        raise ValueError(f"{name} has {len(text)} characters; at most {longest} are allowed")
    if not text and not empty:
        raise ValueError(f"{name} is empty")


def _is_real(value: object) -> bool:
    """Whether it is a number; the decoder of records reports anything else."""
    return isinstance(value, Real)


def _shown(value: float) -> str:
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)
