"""Evaluates one job, a method on a task for one repeat and training size, and returns its record.

A method sees the population's graphs without the name of their space, the columns of its task and, if it learns, the
training target of `n_train` architectures. The evaluation target is read once, after all scores are in. A user's own
method gets copies of these in a separate process, and nothing else; see `MethodJob`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchBatch
from predictors.errors import MissingInput
from proxybench.errors import CorruptData, Unsupported
from proxybench.evaluation.entrants import Entrant, InvalidMethod, find_entrant, make_predictor
from proxybench.evaluation.known_scores import known_scores, published_seconds, supernet_costs, why_no_score
from proxybench.evaluation.method_job import MethodJob, MethodScores, fit_and_score, without_space
from proxybench.evaluation.method_process import do_job_apart
from proxybench.evaluation.splits import Split, hash_split
from proxybench.evaluation.tasks import Target, Task, load_tasks
from proxybench.jobs.failure import MethodFailed, NotInstalled
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.provenance import provenance
from proxybench.ranking.ceiling import NoiseCeiling, noise_ceiling, share_of_ceiling
from proxybench.ranking.intervals import has_interval, metric_intervals
from proxybench.ranking.metrics import LEADERBOARD, rank_metrics
from proxybench.ranking.strata import quantile_strata, within_strata
from proxybench.records import Record
from proxybench.tables.benchmark import Benchmark, load
from proxybench.tables.sources.cache import sha256_of
from proxybench.tables.store.schema import MEAN, metric_of

RESAMPLES = 1000
Floats = NDArray[np.float64]
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
    bench = _benchmark(task)
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


def task_of(spec: JobSpec) -> Task:
    """The task of a job: of this project's list, or as the job describes it. Raises CorruptData if it is in neither."""
    if "task" in spec.payload:
        return msgspec.convert(spec.payload["task"], Task)
    task = load_tasks().get(spec.task.name)
    if task is None:
        raise CorruptData(f"the local task list has no task {spec.task.name}")
    return task


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


def population(task: Task) -> ArchBatch:
    """The architectures of a task with its columns, in index order; read-only. Its graphs do not name their space."""
    return _population(task, _benchmark(task))


@cache
def _population(task: Task, bench: Benchmark) -> ArchBatch:
    batch = without_space(task.batch(bench))
    for values in [*batch.columns.values(), *(ragged.values for ragged in batch.nodes.values())]:
        values.flags.writeable = False  # one method must not change what the next one sees
    return batch


def ranked_metrics(target: Floats, scores: Floats, attempted: NDArray[np.bool_]) -> dict[str, float | None]:
    """Metrics over all attempted scores, with failed ones ranked last; and correlations without the failed ones.

    All methods are thus compared on one population, like the published figures, and a method gains nothing by
    failing. The number of failures is reported as well.
    """
    answered = rank_metrics(target[attempted], scores[attempted])
    metrics = rank_metrics(target[attempted], failures_last(scores[attempted]))
    metrics |= {
        "attempted": float(attempted.sum()),
        "answered": answered["answered"],
        "pearson": answered["pearson"],
        "kendall_answered": answered["kendall"],
        "spearman_answered": answered["spearman"],
    }
    return {name: _defined(value) for name, value in metrics.items()}


def failures_last(scores: Floats) -> Floats:
    """Ranks of the scores, 1 for the lowest; ties share a rank, and scores that are not finite get 0."""
    finite = np.isfinite(scores)
    ranks = np.zeros(len(scores))
    ranks[finite] = np.unique(scores[finite], return_inverse=True)[1] + 1.0
    return ranks


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
        metrics=_all_metrics(task, test, target, scores, attempted),
        params=entrant.params,
        intervals=_intervals(target[attempted], scores[attempted]) if usable else {},
        cost=cost,
        message="" if usable else why_no_score(task, bench, entrant),
        provenance=provenance(),
    )


def _learned(task: Task, bench: Benchmark, entrant: Entrant, spec: JobSpec, do_job: DoJob) -> Record:
    if task.train_target is None:
        raise InvalidMethod(f"{entrant.name} learns from targets, and task {task.name} has no training part")
    batch, split = population(task), _split(task, bench, spec)
    told_y = _signed(task, bench, task.train_target)[split.train]
    job = MethodJob(
        entrant.target, entrant.code, entrant.params, batch[split.test], batch[split.train], told_y, spec.repeat
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
        metrics=_all_metrics(task, split.test, target, predicted, everywhere),
        params=entrant.params,
        intervals=_intervals(target, predicted),
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


def _all_metrics(
    task: Task, test: NDArray[np.int64], target: Floats, scores: Floats, attempted: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Metrics of the scored part `test` of the population, with the share of the ceiling and the check for size."""
    metrics = ranked_metrics(target, scores, attempted)
    metrics["kendall_within_params"] = _within_params(task, test, target, scores, attempted)
    return metrics | _ceiling_metrics(task, metrics["kendall"])


def _within_params(
    task: Task, test: NDArray[np.int64], target: Floats, scores: Floats, attempted: NDArray[np.bool_]
) -> float | None:
    """Mean tau-b within deciles of parameter count: what a score tells beyond size (Kadlecova et al., GRAF, 2024)."""
    params = population(task).columns.get("cost:params")
    chosen = attempted & np.isfinite(params[test]) if params is not None else np.zeros(len(test), dtype=bool)
    if params is None or chosen.sum() < 20:
        return None
    deciles = quantile_strata(params[test][chosen])
    return _defined(within_strata(target[chosen], failures_last(scores[chosen]), deciles).mean)


def _intervals(target: Floats, scores: Floats) -> dict[str, tuple[float | None, float | None]]:
    """Bootstrap intervals over architectures, for metrics that have one; failed scores are ranked last."""
    names = [name for name in LEADERBOARD if has_interval(name)]
    found = metric_intervals(target, failures_last(scores)[:, None], names, RESAMPLES)
    return {name: (_defined(one[0].low), _defined(one[0].high)) for name, one in found.items()}


def target_values(task: Task, bench: Benchmark) -> Floats:
    """The evaluation target of the population; negated if smaller is better, as scores are compared with it."""
    return _signed(task, bench, task.target)


def _signed(task: Task, bench: Benchmark, target: Target) -> Floats:
    """A target of the population, negated if smaller is better."""
    values = target.values(bench, task.dataset)
    return values[task.rows(bench)] * (1.0 if metric_of(target.metric).larger_is_better else -1.0)


def _ceiling_metrics(task: Task, kendall: float | None) -> dict[str, float | None]:
    """The noise ceiling of the target and the share of it that was reached; null if unknown."""
    ceiling = _ceiling(task, _benchmark(task))
    if ceiling is None:
        return {"noise_ceiling": None, "share_of_ceiling": None}
    attainable = _defined(ceiling.attainable.value)
    share = share_of_ceiling(kendall, attainable) if kendall is not None else None
    return {"noise_ceiling": attainable, "share_of_ceiling": share}


@cache
def _ceiling(task: Task, bench: Benchmark) -> NoiseCeiling | None:
    if task.target.seed != MEAN:
        return None
    target = task.target
    dataset = target.dataset or task.dataset
    labels = bench.seeds(target.metric, dataset, target.epochs)
    runs = [
        np.where(
            bench.measured(target.metric, dataset=dataset, epochs=target.epochs, seed=label),
            bench.values(target.metric, dataset=dataset, epochs=target.epochs, seed=label),
            np.nan,
        )
        for label in labels
        if label.isdecimal()
    ]
    return noise_ceiling(np.column_stack(runs)[task.rows(bench)], resamples=200) if len(runs) > 1 else None


def _benchmark(task: Task) -> Benchmark:
    """The edition of the task's table that the task uses, opened once: a user may replace a table of their own."""
    return _edition(task, _opened(task.benchmark, load(task.benchmark).recipe))


@cache
def _edition(task: Task, bench: Benchmark) -> Benchmark:
    return task.edition(bench)


@cache
def _opened(name: str, recipe: str) -> Benchmark:
    return load(name)


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None
