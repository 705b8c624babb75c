"""Executes cells in worker processes on this machine, so that none is lost and none is done twice.

Joblib was considered and cannot attribute the death of a worker to a cell; see `proxybench.jobs.pool`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proxybench.jobs.backlog import Backlog, Summary
from proxybench.jobs.cells import CellSpec
from proxybench.jobs.journal import Journal
from proxybench.jobs.pool import CellLacking, WorkerFailed, WorkerPool
from proxybench.records import Record

__all__ = ["CellSpec", "Summary", "WorkerFailed", "execute"]


def execute(
    specs: Iterable[CellSpec],
    run: str,
    journal: Journal,
    *,
    jobs: int = 1,
    timeout_s: float | None = None,
    memory_mb: int | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> Summary:
    """Evaluate the cells that the journal lacks and append their records; return when none is left to be run.

    Each cell is evaluated in a worker process, which is reused while it is healthy. An exception, a time-out, the end
    of the process or exhausted memory is the outcome of that cell alone: "failed", "timeout", or "unsupported" for
    the exception `Unsupported`. Recorded cells are skipped, whatever their outcome was. Cells that another run into
    the same journal has in hand are left to it, waited for, and taken over if that run dies. A cell whose table or
    method is not here as it was specified is not run and not recorded; `Summary.lacking` counts them by reason.

    Killed at any moment and called again, it does what is missing. On KeyboardInterrupt the workers are killed, what
    they had finished is recorded, and the interrupt goes on to the caller.

    Args:
        specs: the cells, in the order in which they are begun.
        journal: where records go; see `proxybench.jobs.journal`.
        run: "module:function", taking a CellSpec and returning its Record; imported by the workers only, with the
            module search path of this process. What it prints is discarded. It draws random numbers from seeds of
            its own; BLAS and OpenMP run single-threaded unless OMP_NUM_THREADS and its like are set.
        jobs: number of workers.
        timeout_s: wall-clock seconds for one cell, not counting the start of a worker.
        memory_mb: writable private memory of a worker, libraries included (Linux).
        on_record: called with every record after it is in the journal.

    Raises:
        ValueError: for a cell that is specified twice.
        WorkerFailed: when workers cannot start or cannot load the function.
        CorruptData: when the journal is damaged, or its records are of another version of a task.
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
    """Give every idle worker a cell, and start as many workers as there is work for."""
    while (worker := pool.idle()) is not None:
        spec = backlog.take()
        if spec is None:
            return
        if not worker.assign(spec, timeout_s):
            backlog.give_back(spec)
    pool.grow(min(jobs, len(backlog)))


def _record(backlog: Backlog, pool: WorkerPool) -> None:
    """Record what is finished. Removed after it is recorded, so that an interrupt in between costs nothing."""
    while pool.finished:
        finished = pool.finished[0]
        if isinstance(finished, CellLacking):
            backlog.leave_out(finished.spec, finished.reason)
        else:
            backlog.record(finished)
        pool.finished.popleft()
