"""Runs a job on a Dask worker: evaluates it in a child process of this thread, or says why it cannot."""

from __future__ import annotations

import threading
from importlib import import_module

import msgspec

from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.pool import JobLacking, WorkerPool
from proxybench.jobs.provenance import project_digest
from proxybench.records import Record


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """Why a Dask worker did not run a job; `always` if it can run none, since its code differs."""

    worker: str
    reason: str
    always: bool


class Done(msgspec.Struct, frozen=True, tag=True):
    """The record of a job that a Dask worker ran."""

    record: Record


def evaluate_here(data: bytes, run: str, timeout_s: float | None, memory_mb: int | None, project: str) -> bytes:
    """Run one job (JSON of JobSpec) in this thread's child process; returns JSON of Done or Refusal."""
    worker = str(import_module("distributed").get_worker().address)
    if project_digest() != project:
        return msgspec.json.encode(Refusal(worker, "its code of proxybench or its task list differs", always=True))
    spec = msgspec.json.decode(data, type=JobSpec)
    pool = _pool_of_thread(run, memory_mb)
    try:
        outcome = pool.evaluate(spec, timeout_s)
    except BaseException:
        _forget_pool_of_thread()
        raise
    if isinstance(outcome, JobLacking):
        return msgspec.json.encode(Refusal(worker, outcome.reason, always=False))
    return msgspec.json.encode(Done(outcome))


_of_thread = threading.local()


def _pool_of_thread(run: str, memory_mb: int | None) -> WorkerPool:
    """A pool of one process, kept between jobs with the same settings, at most until the Dask worker ends."""
    if getattr(_of_thread, "wanted", None) != (run, memory_mb):
        _forget_pool_of_thread()
        _of_thread.pool = WorkerPool(run, memory_mb, among_others=True)
        _of_thread.wanted = (run, memory_mb)
    pool: WorkerPool = _of_thread.pool
    return pool


def _forget_pool_of_thread() -> None:
    if hasattr(_of_thread, "pool"):
        _of_thread.pool.close()
        del _of_thread.pool, _of_thread.wanted
