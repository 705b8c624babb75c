"""The items of a suite: its jobs, including those skipped because a table or a training part is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from proxybench.evaluation.entrants import ALWAYS, Entrant, InvalidMethod, find_entrant
from proxybench.evaluation.plans import plan_suite, suite_tasks
from proxybench.evaluation.tasks import Task
from proxybench.grammar import Call
from proxybench.jobs.job_spec import JobSpec


@dataclass(frozen=True)
class PlannedJob:
    """One item.

    Attributes:
        method: its name, with any parameters.
        spec: the job to evaluate; None if it is skipped.
        reason: why it is skipped.
    """

    task: str
    method: str
    n_train: int = 0
    repeat: int = 0
    spec: JobSpec | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """The node id."""
        return f"{self.task}::{self.method}::{self.n_train}::{self.repeat}"


def planned_jobs(suite: str, methods: Sequence[str], repeats: int) -> list[PlannedJob]:
    """The jobs of a suite, task by task, in the order of the task list; arguments as for `plan_suite`.

    Raises:
        UnknownName: for a suite without tasks.
        InvalidMethod: if a method does not exist, or two would share a node id.
    """
    plan = plan_suite(suite, methods, repeats)
    jobs: dict[str, PlannedJob] = {}
    for task in suite_tasks(suite):
        if task.name in plan.absent:
            found = list(_absent(task, methods, repeats, plan.absent[task.name]))
        else:
            found = [_of_spec(spec) for spec in plan.specs if spec.task.name == task.name]
            found += _sitting_out(task, methods)
        for job in found:
            if job.name in jobs:
                raise InvalidMethod(f"two entrants are called {job.method} on task {task.name}; rename your own")
            jobs[job.name] = job
    return list(jobs.values())


def _of_spec(spec: JobSpec) -> PlannedJob:
    label = str(Call(spec.method, spec.params))
    return PlannedJob(spec.task.name, label, spec.n_train, spec.repeat, spec)


def _absent(task: Task, methods: Sequence[str], repeats: int, reason: str) -> Iterator[PlannedJob]:
    """The job for a task whose table is missing. Its columns are unknown, so one skipped job represents them all."""
    sizes = [(n_train, repeat) for n_train in task.sizes for repeat in range(repeats)] or [(0, 0)]
    for method in dict.fromkeys([*methods, *ALWAYS]):
        entrant = find_entrant(method)
        for size in sizes:
            yield PlannedJob(task.name, _label_of(entrant), *size, reason=reason)


def _sitting_out(task: Task, methods: Sequence[str]) -> Iterator[PlannedJob]:
    """Jobs of methods that learn, on a task without a training part."""
    if task.train_target is None:
        for entrant in map(find_entrant, dict.fromkeys(methods)):
            if entrant.learns:
                reason = f"{entrant.name} learns from targets, and task {task.name} has no training part"
                yield PlannedJob(task.name, _label_of(entrant), reason=reason)


def _label_of(entrant: Entrant) -> str:
    return str(Call(entrant.name, entrant.params))
