"""A job for a user's own method: its input, its result, and how it is run.

A job holds the architectures, their columns and the targets of the training part. It holds no other targets, no table,
no split and no name of a space or task, so a method cannot accidentally see anything that it must not see. This does
not protect against intent: methods are trusted code, with access to all files of the user who runs them.
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
    """The task of a user's own method: score architectures, after training on others if it learns.

    Attributes:
        target: "module:name" of the function or class.
        code: SHA-256 of its file when the job was planned.
        params: arguments of the function in addition to the batch, or of the constructor.
        batch: the architectures to score.
        training: the architectures to train on; None for a scoring function.
        y: float64[len(training)], the targets of the training part.
        random_state: passed to the constructor if it takes one.
    """

    target: str
    code: str
    params: Mapping[str, Scalar]
    batch: ArchBatch
    training: ArchBatch | None = None
    y: Floats | None = None
    random_state: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        training = None if self.training is None else _parts(self.training)
        others = (self.target, self.code, dict(self.params), self.y, self.random_state)
        return _job, (_parts(self.batch), training, *others)


@dataclass(frozen=True)
class MethodScores:
    """The result of a method.

    Attributes:
        scores: float64[len(batch)].
        fit_s: seconds of training; 0 for a scoring function.
        score_s: seconds of scoring all architectures.
        peak_mb: peak resident memory of the method's process, if it had its own.
    """

    scores: Floats
    fit_s: float
    score_s: float
    peak_mb: float | None = None


def do_job(job: MethodJob) -> MethodScores:
    """Do a job in this process. Exceptions of the method propagate.

    Raises:
        MethodLacking: if the method cannot be loaded, or its file has changed since the job was planned.
        MethodFailed: if it gives anything but one number per architecture.
    """
    method, name = _load(job), job.target.partition(":")[2]
    if job.training is not None:
        return fit_and_score(construct(method, name, job.params, job.random_state), name, job)
    start = time.perf_counter()
    scores = as_scores(name, method(job.batch, **job.params), len(job.batch))
    return MethodScores(scores, 0.0, time.perf_counter() - start)


def do_job_here(job: MethodJob) -> MethodScores:
    """Like `do_job`, with copies of the job's data: for a method that exists only in this process."""
    training = None if job.training is None else _own_copy(job.training)
    return do_job(
        replace(job, batch=_own_copy(job.batch), training=training, y=None if job.y is None else job.y.copy())
    )


def fit_and_score(model: Any, name: str, job: MethodJob) -> MethodScores:
    """Train an unfitted predictor of this name on the job's training part, and score the job's architectures."""
    start = time.perf_counter()
    model.fit(job.training, job.y)
    fitted = time.perf_counter()
    scores = as_scores(name, model.predict(job.batch), len(job.batch))
    return MethodScores(scores, fitted - start, time.perf_counter() - fitted)


def as_scores(name: str, answer: Any, n: int) -> Floats:
    """The scores of the named method as float64[n]. No answer (NaN, None, pandas.NA, a masked entry) becomes NaN.

    Raises:
        MethodFailed: if the number of scores is not n, or they are not real numbers.
    """
    try:
        values = as_floats(answer, f"the scores of {name}")
    except InvalidValues as error:
        raise MethodFailed(str(error)) from error
    if values.shape != (n,):
        raise MethodFailed(f"{name} gave scores of shape {values.shape} for {n} architectures; expected one each")
    return values


def without_space(batch: ArchBatch) -> ArchBatch:
    """The batch with graphs that do not name their space; columns and node arrays are the same objects."""
    archs = [ArchGraph.unchecked("", arch.ops, arch.edges, arch.attrs) for arch in batch.archs]
    return ArchBatch(archs, batch.columns, batch.nodes)


_Parts = tuple[list[ArchGraph], dict[str, Floats], dict[str, tuple[NDArray[Any], NDArray[np.int64]]]]


def _parts(batch: ArchBatch) -> _Parts:
    """The parts of a batch as copies in memory; node arrays may be in a file, whose path would reveal too much."""
    columns = {name: np.array(values) for name, values in batch.columns.items()}
    nodes = {name: (np.array(one.values), np.array(one.offsets)) for name, one in batch.nodes.items()}
    return list(batch.archs), columns, nodes


def _batch(parts: _Parts) -> ArchBatch:
    archs, columns, nodes = parts
    return ArchBatch(archs, columns, {name: Ragged(*one) for name, one in nodes.items()})


def _own_copy(batch: ArchBatch) -> ArchBatch:
    return _batch(_parts(batch))


def _job(batch: _Parts, training: _Parts | None, *others: Any) -> MethodJob:
    """Rebuild the job that `MethodJob.__reduce__` took apart."""
    target, code, params, y, random_state = others
    return MethodJob(
        target, code, params, _batch(batch), None if training is None else _batch(training), y, random_state
    )


def _load(job: MethodJob) -> Any:
    try:
        method = load_object(job.target)
    except Exception as error:
        raise MethodLacking(str(error)) from error
    if code_of(method) != job.code:
        raise MethodLacking(f"the file of {job.target} has changed since this run was planned")
    return method
