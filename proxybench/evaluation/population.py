"""What a task is evaluated on: its edition of the table, opened once, its architectures and their targets."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchBatch
from proxybench.evaluation.method_job import without_space
from proxybench.evaluation.tasks import Target, Task
from proxybench.tables.benchmark import Benchmark, load
from proxybench.tables.store.schema import metric_of

Floats = NDArray[np.float64]


def population(task: Task) -> ArchBatch:
    """The architectures of a task with its columns, in index order; read-only. Its graphs do not name their space."""
    return _population(task, opened(task))


@cache
def _population(task: Task, bench: Benchmark) -> ArchBatch:
    batch = without_space(task.batch(bench))
    for values in [*batch.columns.values(), *(ragged.values for ragged in batch.nodes.values())]:
        values.flags.writeable = False  # one method must not change what the next one sees
    return batch


def target_values(task: Task, bench: Benchmark) -> Floats:
    """The evaluation target of the population; negated if smaller is better, as scores are compared with it."""
    return signed(task, bench, task.target)


def signed(task: Task, bench: Benchmark, target: Target) -> Floats:
    """A target of the population, negated if smaller is better."""
    values = target.values(bench, task.dataset)
    return values[task.rows(bench)] * (1.0 if metric_of(target.metric).larger_is_better else -1.0)


def opened(task: Task) -> Benchmark:
    """The edition of the task's table that the task uses, opened once: a user may replace a table of their own."""
    return _edition(task, _opened(task.benchmark, load(task.benchmark).recipe))


@cache
def _edition(task: Task, bench: Benchmark) -> Benchmark:
    return task.edition(bench)


@cache
def _opened(name: str, recipe: str) -> Benchmark:
    return load(name)
