"""Runs a job on a Dask worker: in a child process of this thread, or says why it cannot."""

from __future__ import annotations

import threading
from importlib import import_module

import msgspec

from proxybench.jobs.provenance import project_digest
from proxybench.jobs.store import Answer, Job, Program
from proxybench.jobs.worker_pool import WorkerPool


class Reply(msgspec.Struct, frozen=True):
    """What became of a job on a Dask worker.

    Attributes:
        worker: address of the Dask worker.
        answer: None if the worker can run no job of this run, for the reason `refusal`.
    """

    worker: str
    answer: Answer | None
    refusal: str = ""


def do_on_worker(job: bytes, program: bytes, timeout_s: float | None, memory_mb: int | None, project: str) -> bytes:
    """Do one job in this thread's child process; takes msgpack of a Job and a Program, and returns that of a Reply."""
    worker = str(import_module("distributed").get_worker().address)
    if project_digest() != project:
        return msgspec.msgpack.encode(Reply(worker, None, "its code of proxybench or its task list differs"))
    pool = _pool_of_thread(program, memory_mb)
    try:
        answer = pool.do(msgspec.msgpack.decode(job, type=Job), timeout_s)
    except BaseException:
        _forget_pool_of_thread()
        raise
    return msgspec.msgpack.encode(Reply(worker, answer))


_of_thread = threading.local()


def _pool_of_thread(program: bytes, memory_mb: int | None) -> WorkerPool:
    """A pool of one process, kept between jobs of the same program, at most until the Dask worker ends."""
    if getattr(_of_thread, "wanted", None) != (program, memory_mb):
        _forget_pool_of_thread()
        _of_thread.pool = WorkerPool(msgspec.msgpack.decode(program, type=Program), memory_mb)
        _of_thread.wanted = (program, memory_mb)
    pool: WorkerPool = _of_thread.pool
    return pool


def _forget_pool_of_thread() -> None:
    if hasattr(_of_thread, "pool"):
        _of_thread.pool.close()
        del _of_thread.pool, _of_thread.wanted
