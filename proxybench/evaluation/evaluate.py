"""Evaluates one job, a method on a task for one repeat and training size, and returns its record.

A method sees the population's graphs without the name of their space, the columns of its task and, if it learns, the
training target of `n_train` architectures. The evaluation target is read once, after all scores are in. A user's own
method gets copies of these in a separate process, and nothing else; see `MethodJob`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from predictors.errors import MissingInput
from proxybench.errors import CorruptData, Unsupported
from proxybench.evaluation.entrants import Entrant, InvalidMethod, make_predictor
from proxybench.evaluation.figures import all_metrics, intervals
from proxybench.evaluation.job_specs import entrant_of, task_of
from proxybench.evaluation.known_scores import known_scores, published_seconds, supernet_costs, why_no_score
from proxybench.evaluation.method_job import MethodJob, MethodScores, fit_and_score
from proxybench.evaluation.method_process import do_job_apart
from proxybench.evaluation.population import Floats, opened, population, signed, target_values
from proxybench.evaluation.splits import Split, hash_split
from proxybench.evaluation.tasks import Task
from proxybench.jobs.failure import MethodFailed, NotInstalled
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.provenance import provenance
from proxybench.records import Record
from proxybench.tables.benchmark import Benchmark

DoJob = Callable[[MethodJob], MethodScores]


def evaluate(spec: JobSpec, do_job: DoJob = do_job_apart) -> Record:
    """The record of a job. `spec.payload["method"]` is the method, in a form that `find_entrant` accepts.

    Args:
        spec: the job.
        do_job: runs a user's own method; by default in a separate process.

    Raises:
        CorruptData: if the table is not the one that the job was specified for.
        MethodFailed: if the method gives no scores that can be ranked.
        MethodLacking: if the user's method cannot be loaded, or its file has changed since the job was specified.
        InvalidMethod: if the method learns and the task has no training part.
        Unsupported: if a predictor of this project needs an optional library that is not installed, or data about
            architectures that the task does not provide.
    """
    task = task_of(spec)
    bench = opened(task)
    if task.identity(bench) != spec.task:
        raise CorruptData(f"task {task.name}: the table of {task.benchmark} changed since the job was specified")
    entrant = entrant_of(spec)
    score = _learned if entrant.learns else _training_free
    try:
        outcome = score(task, bench, entrant, spec, do_job)
    except ModuleNotFoundError as error:
        if entrant.target:
            raise
        raise NotInstalled(f"{entrant.name} needs {error.name}, which is not installed") from error
    except MissingInput as error:
        raise Unsupported(f"{entrant.name}: {error}") from error
    return msgspec.structs.replace(outcome, repeat=spec.repeat, n_train=spec.n_train, code=entrant.code)


def training_free_scores(
    task: Task, bench: Benchmark, entrant: Entrant, do_job: DoJob = do_job_apart
) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores of the population, and a mask of the architectures attempted; a failed attempt is NaN."""
    scores, attempted, _ = _scored(task, bench, entrant, do_job, 0)
    return scores, attempted


def _scored(
    task: Task, bench: Benchmark, entrant: Entrant, do_job: DoJob, repeat: int
) -> tuple[Floats, NDArray[np.bool_], dict[str, float | None]]:
    """Like `training_free_scores`, plus the cost of the scores."""
    rows = task.rows(bench)
    if entrant.target and not entrant.network:
        done = do_job(MethodJob(entrant.target, entrant.code, entrant.params, population(task)))
        cost = {"seconds_per_architecture": done.score_s / len(rows), **_peak(done)}
        return done.scores, np.ones(len(rows), dtype=bool), cost
    scores, attempted = known_scores(task, bench, entrant, rows, repeat)
    if entrant.kind == "one-shot" and (costs := supernet_costs(task, bench, entrant, repeat)):
        return scores, attempted, costs
    return scores, attempted, {"seconds_per_architecture": published_seconds(task, bench, entrant)}


def _training_free(task: Task, bench: Benchmark, entrant: Entrant, spec: JobSpec, do_job: DoJob) -> Record:
    """Scores the whole population or, if the task has a training part, the test part of the job's split."""
    scores, attempted, cost = _scored(task, bench, entrant, do_job, spec.repeat)
    target = target_values(task, bench)
    test = np.arange(len(scores))
    if task.train_target is not None:
        test = _split(task, bench, spec).test
        scores, attempted, target = scores[test], attempted[test], target[test]
    usable = bool(np.isfinite(scores[attempted]).any())
    if entrant.target and not usable:
        raise _no_answer(entrant, len(scores))
    return Record(
        task=spec.task,
        method=entrant.name,
        kind=entrant.kind,
        outcome="ok" if usable else "unsupported",
        metrics=all_metrics(task, test, target, scores, attempted),
        params=entrant.params,
        intervals=intervals(target[attempted], scores[attempted]) if usable else {},
        cost=cost,
        message="" if usable else why_no_score(task, bench, entrant),
        provenance=provenance(),
    )


def _learned(task: Task, bench: Benchmark, entrant: Entrant, spec: JobSpec, do_job: DoJob) -> Record:
    if task.train_target is None:
        raise InvalidMethod(f"{entrant.name} learns from targets, and task {task.name} has no training part")
    batch, split = population(task), _split(task, bench, spec)
    known = signed(task, bench, task.train_target)[split.train]
    job = MethodJob(
        entrant.target, entrant.code, entrant.params, batch[split.test], batch[split.train], known, spec.repeat
    )
    done = do_job(job) if entrant.target else fit_and_score(make_predictor(entrant, spec.repeat), entrant.name, job)
    predicted = done.scores
    if not np.isfinite(predicted).any():
        raise _no_answer(entrant, len(predicted))
    everywhere = np.ones(len(predicted), dtype=bool)
    target = target_values(task, bench)[split.test]
    return Record(
        task=spec.task,
        method=entrant.name,
        kind=entrant.kind,
        outcome="ok",
        metrics=all_metrics(task, split.test, target, predicted, everywhere),
        params=entrant.params,
        intervals=intervals(target, predicted),
        cost={"fit_s": done.fit_s, "predict_s": done.score_s / len(predicted), **_peak(done)},
        provenance=provenance(),
    )


def _peak(done: MethodScores) -> dict[str, float | None]:
    """The memory of the method's own process, if it had one, takes precedence over that of the evaluating process."""
    return {} if done.peak_mb is None else {"peak_mb": done.peak_mb}


def _no_answer(entrant: Entrant, n: int) -> MethodFailed:
    return MethodFailed(f"{entrant.name} gave no finite score for any of the {n} architectures")


def _split(task: Task, bench: Benchmark, spec: JobSpec) -> Split:
    digests = [bench.digests[row] for row in task.rows(bench)]
    return hash_split(task.name, spec.repeat, digests, spec.n_train, task.n_test, *task.parts(bench))
