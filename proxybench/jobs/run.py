"""Runs the jobs of a store that are not done, in worker processes or in this process.

Joblib was considered, but it cannot attribute the death of a worker to a job; see `proxybench.jobs.worker_pool`.
"""

from __future__ import annotations

import time

from proxybench.jobs.store import Answer, JobStore
from proxybench.jobs.worker_pool import POLL_S, WorkerPool


def run_in_processes(
    store: JobStore, workers: int = 1, *, timeout_s: float | None = None, memory_mb: int | None = None
) -> None:
    """Do all jobs of the store in worker processes on this machine; return when none is left.

    Each job is done in a process that is reused while it is healthy. An exception, a time-out, the end of the process
    or exhausted memory affects only that job, and what becomes of it is up to the store. Jobs claimed by another run
    are left to it, waited for, and taken over if that run dies.

    If it is killed at any moment, the processes die too, and calling it again does the rest. On KeyboardInterrupt the
    workers are killed, finished jobs are recorded, and the interrupt propagates to the caller. BLAS and OpenMP run
    single-threaded in the workers unless OMP_NUM_THREADS and similar variables are set.

    Args:
        store: the jobs.
        workers: number of processes.
        timeout_s: wall-clock seconds for one job, not counting the start of a worker.
        memory_mb: writable private memory of a worker, libraries included (Linux).

    Raises:
        WorkerFailed: if workers cannot start or cannot load the function.
        ProxybenchError: if this system has no process groups.
    """
    with store:
        if len(store) == 0:
            return
        with WorkerPool(store.program, memory_mb) as pool:
            try:
                while len(store):
                    _hand_out(store, pool, workers, timeout_s)
                    pool.wait()
                    _record(store, pool)
            except KeyboardInterrupt:
                pool.wait(0)
                _record(store, pool)
                raise


def run_here(store: JobStore) -> None:
    """Do all jobs of the store in this process, one after the other; return when none is left.

    Jobs claimed by another run are left to it, waited for, and taken over if that run dies. Exceptions of a job
    propagate.
    """
    with store:
        if len(store) == 0:
            return
        function = store.program.load()
        while len(store):
            job = store.take()
            if job is None:
                time.sleep(POLL_S)
            else:
                store.record(job, Answer(function(job.content)))


def _hand_out(store: JobStore, pool: WorkerPool, workers: int, timeout_s: float | None) -> None:
    """Give every idle worker a job, and start as many workers as there is work for."""
    while (worker := pool.idle()) is not None:
        job = store.take()
        if job is None:
            return
        if not worker.assign(job, timeout_s):
            store.give_back(job)
    pool.grow(min(workers, len(store)))


def _record(store: JobStore, pool: WorkerPool) -> None:
    """Record finished jobs. They are removed after recording, so that an interrupt in between loses nothing."""
    while pool.finished:
        job, answer = pool.finished[0]
        if answer.lacking and not answer.message:
            store.leave_out(job, answer.lacking)
        else:
            store.record(job, answer)
        pool.finished.popleft()
