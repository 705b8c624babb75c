"""The job of a method on a task for one repeat and training size, and what a job says about its task and method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from proxybench.errors import CorruptData
from proxybench.evaluation.entrants import Entrant, find_entrant
from proxybench.evaluation.tasks import Task, load_tasks
from proxybench.jobs.job_spec import JobSpec
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.sources.cache import sha256_of


def specify(task: Task, bench: Benchmark, method: str, n_train: int = 0, repeat: int = 0) -> JobSpec:
    """The job of a method on a task."""
    entrant = find_entrant(method)
    named = ("target", "learns", "code", "network")
    own = {name: getattr(entrant, name) for name in named} if entrant.target else {}
    return _specified(task, bench, entrant, {"method": method, **own}, n_train, repeat)


def specify_scores(
    task: Task, bench: Benchmark, file: Path, method: str, column: str, n_train: int = 0, repeat: int = 0
) -> JobSpec:
    """The job of ranking a task by a column of a file of scores, under the name `method`."""
    entrant = Entrant(method, "training-free", code=sha256_of(file), scores=str(file), column=column)
    described = {name: getattr(entrant, name) for name in ("scores", "column", "code")}
    return _specified(task, bench, entrant, {"method": f"{method} of {file}", **described}, n_train, repeat)


def _specified(
    task: Task, bench: Benchmark, entrant: Entrant, payload: dict[str, Any], n_train: int, repeat: int
) -> JobSpec:
    known = load_tasks().get(task.name) == task
    return JobSpec(
        task=task.identity(bench),
        method=entrant.name,
        kind=entrant.kind,
        params=entrant.params,
        n_train=n_train,
        repeat=repeat,
        payload=payload if known else {**payload, "task": msgspec.to_builtins(task)},
    )


def task_of(spec: JobSpec) -> Task:
    """The task of a job: of this project's list, or as the job describes it. Raises CorruptData if it is in neither."""
    if "task" in spec.payload:
        return msgspec.convert(spec.payload["task"], Task)
    task = load_tasks().get(spec.task.name)
    if task is None:
        raise CorruptData(f"the local task list has no task {spec.task.name}")
    return task


def entrant_of(spec: JobSpec) -> Entrant:
    """The method of a job. A user's own method is not loaded here; its specification describes it."""
    if "target" in spec.payload:
        own = {name: spec.payload[name] for name in ("target", "learns", "code", "network")}
        own["scores"] = spec.payload.get("scores", "")
        return Entrant(spec.method, spec.kind, spec.params, **own)
    if "column" in spec.payload:
        described = {name: spec.payload[name] for name in ("scores", "column", "code")}
        return Entrant(spec.method, spec.kind, spec.params, **described)
    return find_entrant(str(spec.payload.get("method", spec.method)))
