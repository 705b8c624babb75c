"""Small records to build leaderboards from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxybench.records import Record, TaskIdentity

MakeRecord = Callable[..., Record]


def make_task(name: str = "tiny", benchmark: str = "nasbench201", size: int = 4) -> TaskIdentity:
    return TaskIdentity(
        name=name,
        version=1,
        benchmark=benchmark,
        dataset="cifar10",
        population="four cells",
        size=size,
        split="whole population",
        target="val_acc, 200 epochs, seed mean",
        table="0" * 32,
    )


def make_record(method: str, kendall: float | None, task: TaskIdentity | str = "tiny", **fields: Any) -> Record:
    """A record of four architectures; `attempted` and `spearman` may be given like fields of the record."""
    identity = make_task(task) if isinstance(task, str) else task
    metrics = {
        "kendall": kendall,
        "attempted": fields.pop("attempted", 4.0),
        "spearman": fields.pop("spearman", kendall),
    }
    defaults: dict[str, Any] = {"kind": "training-free", "outcome": "ok", "metrics": metrics}
    return Record(task=identity, method=method, **{**defaults, **fields})


@pytest.fixture
def record() -> MakeRecord:
    """Makes a record from method, tau and task name."""
    return make_record


@pytest.fixture
def task() -> Callable[..., TaskIdentity]:
    """Makes a task from name, benchmark and size."""
    return make_task
