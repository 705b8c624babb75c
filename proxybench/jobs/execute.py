"""Executes jobs in worker processes on this machine, so that none is lost and none is done twice.

Joblib was considered, but it cannot attribute the death of a worker to a job; see `proxybench.jobs.pool`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proxybench.jobs.backlog import Backlog, Summary
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.journal import Journal
from proxybench.jobs.pool import JobLacking, WorkerFailed, WorkerPool
from proxybench.records import Record

__all__ = ["JobSpec", "Summary", "WorkerFailed", "execute"]


def execute(
    specs: Iterable[JobSpec],
    run: str,
    journal: Journal,
    *,
    jobs: int = 1,
    timeout_s: float | None = None,
    memory_mb: int | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> Summary:
    """Evaluate the jobs missing from the journal and append their records; return when none is left to run.

    Each job is evaluated in a worker process, which is reused while it is healthy. An exception, a time-out, the end
    of the process or exhausted memory affects only that job: its outcome is "failed", "timeout", or "unsupported" for
    the exception `Unsupported`. Recorded jobs are skipped, whatever their outcome. Jobs claimed by another run that
    shares the journal are left to it, waited for, and taken over if that run dies. A job whose table or method is not
    present as specified is neither run nor recorded; `Summary.lacking` counts them by reason.

    If it is killed at any moment, calling it again does the rest. On KeyboardInterrupt the workers are killed, finished
    jobs are recorded, and the interrupt propagates to the caller.

    Args:
        specs: the jobs, in starting order.
        journal: where records go; see `proxybench.jobs.journal`.
        run: "module:function", taking a JobSpec and returning its Record; imported by the workers only, with the
            module search path of this process. Its output is discarded. It must draw random numbers from its own
            seeds; BLAS and OpenMP run single-threaded unless OMP_NUM_THREADS and similar variables are set.
        jobs: number of workers.
        timeout_s: wall-clock seconds for one job, not counting the start of a worker.
        memory_mb: writable private memory of a worker, libraries included (Linux).
        on_record: called with every record after it is in the journal.

    Raises:
        ValueError: if a job is specified twice.
        WorkerFailed: if workers cannot start or cannot load the function.
        CorruptData: if the journal is damaged, or its records are of another version of a task.
    """
    with Backlog(specs, journal, on_record) as backlog, WorkerPool(run, memory_mb) as pool:
        try:
            while len(backlog):
                _hand_out(backlog, pool, jobs, timeout_s)
                pool.wait()
                _record(backlog, pool)
        except KeyboardInterrupt:
            pool.wait(0)
            _record(backlog, pool)
            raise
        return backlog.summary


def _hand_out(backlog: Backlog, pool: WorkerPool, jobs: int, timeout_s: float | None) -> None:
    """Give every idle worker a job, and start as many workers as there is work for."""
    while (worker := pool.idle()) is not None:
        spec = backlog.take()
        if spec is None:
            return
        if not worker.assign(spec, timeout_s):
            backlog.give_back(spec)
    pool.grow(min(jobs, len(backlog)))


def _record(backlog: Backlog, pool: WorkerPool) -> None:
    """Record finished jobs. They are removed after recording, so that an interrupt in between loses nothing."""
    while pool.finished:
        finished = pool.finished[0]
        if isinstance(finished, JobLacking):
            backlog.leave_out(finished.spec, finished.reason)
        else:
            backlog.record(finished)
        pool.finished.popleft()
