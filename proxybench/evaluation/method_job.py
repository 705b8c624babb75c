"""A job for a method of the user's own: what it is given, what came of it, and how it is done.

A job holds the architectures, their columns and the targets of the training part. It holds no other target, no table,
no split, and no name of a space or task, so a method that looks around by mistake finds nothing that it must not see.
This is no protection against intent: methods are trusted code, which may read any file that its user may.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchBatch, ArchGraph, Ragged
from predictors.errors import InvalidValues
from predictors.inputs import as_floats
from proxybench.evaluation.entrants import code_of, construct, load_object
from proxybench.jobs.failure import MethodFailed, MethodLacking
from proxybench.records import Scalar

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MethodJob:
    """What a method of the user's own has to do: score architectures, after learning from others where it learns.

    Attributes:
        target: "module:name" of the function or class.
        code: SHA-256 of the file it stands in, as the job was planned.
        params: arguments of the function beside the batch, or of the constructor.
        asked: the architectures to score.
        told: the architectures to learn from; None for a scoring function.
        y: float64[len(told)], the targets of `told`.
        random_state: passed to a constructor that takes it.
    """

    target: str
    code: str
    params: Mapping[str, Scalar]
    asked: ArchBatch
    told: ArchBatch | None = None
    y: Floats | None = None
    random_state: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        told = None if self.told is None else _parts(self.told)
        others = (self.target, self.code, dict(self.params), self.y, self.random_state)
        return _job, (_parts(self.asked), told, *others)


@dataclass(frozen=True)
class MethodScores:
    """What a method answered.

    Attributes:
        scores: float64[len(asked)].
        fit_s: seconds of learning; 0 for a scoring function.
        score_s: seconds of scoring all that was asked.
        peak_mb: highest resident memory of the method's process, where it had one of its own.
    """

    scores: Floats
    fit_s: float
    score_s: float
    peak_mb: float | None = None


def do_job(job: MethodJob) -> MethodScores:
    """Do a job in this process. Whatever the method raises goes through.

    Raises:
        MethodLacking: when the method cannot be loaded, or its file is not the one that the job was planned with.
        MethodFailed: when it gives something other than one number for each architecture.
    """
    method, name = _load(job), job.target.partition(":")[2]
    if job.told is not None:
        return fit_and_score(construct(method, name, job.params, job.random_state), name, job)
    start = time.perf_counter()
    scores = as_scores(name, method(job.asked, **job.params), len(job.asked))
    return MethodScores(scores, 0.0, time.perf_counter() - start)


def do_job_here(job: MethodJob) -> MethodScores:
    """As `do_job`, with copies of what the job holds: for a method that only this process has."""
    told = None if job.told is None else _own_copy(job.told)
    return do_job(replace(job, asked=_own_copy(job.asked), told=told, y=None if job.y is None else job.y.copy()))


def fit_and_score(model: Any, name: str, job: MethodJob) -> MethodScores:
    """Let an unfitted predictor of this name learn what the job tells, and score what it asks."""
    start = time.perf_counter()
    model.fit(job.told, job.y)
    fitted = time.perf_counter()
    scores = as_scores(name, model.predict(job.asked), len(job.asked))
    return MethodScores(scores, fitted - start, time.perf_counter() - fitted)


def as_scores(name: str, answer: Any, n: int) -> Floats:
    """What the method of this name answered, as float64[n]. No answer (NaN, None, pandas.NA, a masked entry) is NaN.

    Raises:
        MethodFailed: for another number of scores, or scores that are not real numbers.
    """
    try:
        values = as_floats(answer, f"the scores of {name}")
    except InvalidValues as error:
        raise MethodFailed(str(error)) from error
    if values.shape != (n,):
        raise MethodFailed(f"{name} gave scores of shape {values.shape} for {n} architectures; one number each is due")
    return values


def without_space(batch: ArchBatch) -> ArchBatch:
    """The batch with graphs that do not name their space; its columns and node arrays are the same objects."""
    archs = [ArchGraph.unchecked("", arch.ops, arch.edges, arch.attrs) for arch in batch.archs]
    return ArchBatch(archs, batch.columns, batch.nodes)


_Parts = tuple[list[ArchGraph], dict[str, Floats], dict[str, tuple[NDArray[Any], NDArray[np.int64]]]]


def _parts(batch: ArchBatch) -> _Parts:
    """What a batch is made of, as copies in memory: node arrays may lie in a file, whose path would say too much."""
    columns = {name: np.array(values) for name, values in batch.columns.items()}
    nodes = {name: (np.array(one.values), np.array(one.offsets)) for name, one in batch.nodes.items()}
    return list(batch.archs), columns, nodes


def _batch(parts: _Parts) -> ArchBatch:
    archs, columns, nodes = parts
    return ArchBatch(archs, columns, {name: Ragged(*one) for name, one in nodes.items()})


def _own_copy(batch: ArchBatch) -> ArchBatch:
    return _batch(_parts(batch))


def _job(asked: _Parts, told: _Parts | None, *others: Any) -> MethodJob:
    """The job that `MethodJob.__reduce__` took apart."""
    target, code, params, y, random_state = others
    return MethodJob(target, code, params, _batch(asked), None if told is None else _batch(told), y, random_state)


def _load(job: MethodJob) -> Any:
    try:
        method = load_object(job.target)
    except Exception as error:
        raise MethodLacking(str(error)) from error
    if code_of(method) != job.code:
        raise MethodLacking(f"the file of {job.target} is not the one that this run was planned with")
    return method
