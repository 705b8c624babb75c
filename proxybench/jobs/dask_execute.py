"""Executes jobs on a Dask cluster. Only the client writes the journal; a job runs in a child of a Dask worker.

The child process is the same as with `proxybench.jobs.execute`, so a job that exits, crashes or exhausts its memory
does not harm the Dask worker. If a Dask worker is lost while running a job, the scheduler gives the job to another one.
If a Dask worker lacks something a job needs, the client gives the job to another one, or leaves it out if there is no
other. A Dask worker with a different version of this project's code gets no jobs.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import msgspec

from predictors.errors import how_to_install
from proxybench.errors import ProxybenchError
from proxybench.jobs.backlog import Backlog, Summary
from proxybench.jobs.cells import CellSpec
from proxybench.jobs.dask_worker import Done, Refusal, evaluate_here
from proxybench.jobs.journal import Journal
from proxybench.jobs.pool import POLL_S, CellLacking, with_provenance
from proxybench.jobs.provenance import project_digest
from proxybench.records import Cell, Record

CONNECT_S = 30.0
NO_WORKERS_S = 60.0
FETCH_S = 10.0
AHEAD = 2  # jobs handed to the cluster per thread, so that none waits for the client


class ClusterLost(ProxybenchError, ConnectionError):
    """A Dask scheduler that does not answer, is gone, or has no workers."""


def execute_dask(
    specs: Iterable[CellSpec],
    run: str,
    journal: Journal,
    scheduler: str,
    *,
    timeout_s: float | None = None,
    memory_mb: int | None = None,
    on_record: Callable[[Record], None] | None = None,
    no_workers_s: float = NO_WORKERS_S,
) -> Summary:
    """Evaluate the jobs missing from the journal on the cluster, and append their records; see `execute`.

    If a Dask worker lacks a job's table, method or library, or has another version than this machine, the job runs on
    another one; if no worker has them it is neither run nor recorded, and `Summary.lacking` counts it. Workers whose
    version of this project's code differs from this machine's are refused; `Summary.refused` names them.

    A job whose Dask worker died is run elsewhere, until as many workers have died with it as the scheduler's setting
    `distributed.scheduler.allowed-failures` permits; then its outcome is "failed".

    Args:
        specs: the jobs, in starting order.
        run: "module:function"; the Dask workers' environment must have that module, and proxybench.
        journal: on this machine.
        scheduler: address, such as "tcp://10.0.0.1:8786".
        timeout_s: wall-clock seconds for one job.
        memory_mb: writable private memory of a job's process (Linux).
        on_record: called with every record after it is in the journal.
        no_workers_s: how long the cluster may be without workers.

    Raises:
        ClusterLost: if the scheduler does not answer or goes away, or has no workers. Finished jobs are recorded;
            repeating the call does the rest.
        ProxybenchError: if the package `distributed` is not installed, or all workers are refused.
        ValueError, WorkerFailed, CorruptData: like `execute`.
    """
    distributed = _distributed()
    with Backlog(specs, journal, on_record) as backlog:
        if len(backlog) == 0:
            return backlog.summary
        with _client(distributed, scheduler) as client:
            _run(backlog, _Cluster(distributed, client, run, timeout_s, memory_mb, no_workers_s))
        return backlog.summary


class _Cluster:
    """The jobs that a cluster has, seen from the client.

    Attributes:
        cells: jobs handed over, by future.
        refused: workers that get no jobs, with the reason.
    """

    def __init__(
        self,
        distributed: Any,
        client: Any,
        run: str,
        timeout_s: float | None,
        memory_mb: int | None,
        no_workers_s: float,
    ) -> None:
        self._distributed = distributed
        self._client = client
        self._arguments = (run, timeout_s, memory_mb, project_digest())
        self._no_workers_s = no_workers_s
        self._with_workers = time.monotonic()
        self._lacking: dict[Cell, dict[str, str]] = {}
        self._bound: dict[Any, set[str]] = {}
        self.cells: dict[Any, CellSpec] = {}
        self.refused: dict[str, str] = {}

    def room(self) -> int:
        """How many more jobs to hand over.

        Raises:
            ClusterLost: if the cluster has had no workers for too long.
            ProxybenchError: if all its workers are refused.
        """
        threads = self._threads()
        fit = {worker: count for worker, count in threads.items() if worker not in self.refused}
        now = time.monotonic()
        if fit:
            self._with_workers = now
        elif threads:
            worker, reason = next(iter(self.refused.items()))
            raise ProxybenchError(
                f"no Dask worker can be used; {worker}: {reason}. Install the same packages there as here"
            )
        elif now - self._with_workers > self._no_workers_s:
            raise ClusterLost(f"the Dask scheduler has had no workers for {self._no_workers_s:.0f} s; start some")
        return AHEAD * sum(fit.values()) - len(self.cells)

    def submit(self, spec: CellSpec) -> CellLacking | None:
        """Hand over a job; returns what is missing if no current worker can run it."""
        lacking, there = self._lacking.get(spec.cell, {}), set(self._threads())
        unfit = there & {*lacking, *self.refused}
        if there and unfit == there:
            return CellLacking(spec, next(iter(lacking.values()), "no remaining Dask worker may run it"))
        # A unique key: with equal keys two clients would share one task, and so lose it together.
        key = f"proxybench-{uuid.uuid4().hex}"
        chosen = {"workers": sorted(there - unfit), "allow_other_workers": False} if unfit else {}
        future = self._client.submit(evaluate_here, msgspec.json.encode(spec), *self._arguments, key=key, **chosen)
        self.cells[future] = spec
        if unfit:
            self._bound[future] = there - unfit
        return None

    def finished(self) -> Iterator[Record | CellLacking]:
        """The outcomes of finished jobs, after a short wait for one."""
        self._wait()
        yield from self._released()
        for future in [future for future in self.cells if future.status in ("finished", "error")]:
            spec = self.cells[future]
            outcome = self._outcome(future, spec)
            if outcome is None:
                continue
            if isinstance(outcome, Refusal):
                del self.cells[future]
                self._note(spec, outcome)
                if (left_out := self.submit(spec)) is not None:
                    yield left_out
                continue
            yield outcome
            del self.cells[future]
        if any(future.status in ("cancelled", "lost") for future in self.cells):
            raise self._lost()

    def _threads(self) -> dict[str, int]:
        try:
            threads: dict[str, int] = self._client.nthreads()
        except (OSError, self._distributed.client.ClosedClientError) as error:
            raise self._lost() from error
        return threads

    def _note(self, spec: CellSpec, refusal: Refusal) -> None:
        if refusal.always:
            self.refused[refusal.worker] = refusal.reason
        else:
            self._lacking.setdefault(spec.cell, {})[refusal.worker] = refusal.reason

    def _released(self) -> Iterator[CellLacking]:
        """Resubmit jobs bound to workers that are all gone, which would otherwise wait forever."""
        self._bound = {future: workers for future, workers in self._bound.items() if future in self.cells}
        there = set(self._threads()) if self._bound else set()
        for future in [future for future, workers in self._bound.items() if there and not workers & there]:
            spec = self.cells.pop(future)
            future.cancel()
            if (left_out := self.submit(spec)) is not None:
                yield left_out

    def _wait(self) -> None:
        if not self.cells:
            time.sleep(POLL_S)
            return
        try:
            with self._client.as_current():
                self._distributed.wait(list(self.cells), timeout=POLL_S, return_when="FIRST_COMPLETED")
        except (TimeoutError, self._distributed.CancelledError):
            return

    def _outcome(self, future: Any, spec: CellSpec) -> Record | Refusal | None:
        """A worker's answer; None if it was lost with the worker and is being recomputed."""
        try:
            answer = msgspec.json.decode(future.result(timeout=FETCH_S), type=Done | Refusal)
        except TimeoutError:
            return None
        except self._distributed.KilledWorker as error:
            return with_provenance(spec.without_result("failed", f"KilledWorker: {error}"))
        except (self._distributed.CancelledError, self._distributed.comm.CommClosedError) as error:
            raise self._lost() from error
        except TypeError as error:  # its function takes different arguments
            raise ProxybenchError(f"a Dask worker has another version of proxybench: {error}") from error
        return answer.record if isinstance(answer, Done) else answer

    def _lost(self) -> ClusterLost:
        return ClusterLost(
            f"the Dask scheduler is gone, and {len(self.cells)} jobs with it; "
            "finished jobs are recorded, run the same command again for the rest"
        )


def _run(backlog: Backlog, cluster: _Cluster) -> None:
    while len(backlog):
        for _ in range(cluster.room()):
            spec = backlog.take()
            if spec is None:
                break
            if (left_out := cluster.submit(spec)) is not None:
                backlog.leave_out(spec, left_out.reason)
        try:
            _record(backlog, cluster)
        except KeyboardInterrupt:
            _record(backlog, cluster)
            raise


def _record(backlog: Backlog, cluster: _Cluster) -> None:
    for outcome in cluster.finished():
        if isinstance(outcome, CellLacking):
            backlog.leave_out(outcome.spec, outcome.reason)
        else:
            backlog.record(outcome)
    backlog.summary.refused = dict(cluster.refused)


@contextmanager
def _client(distributed: Any, scheduler: str) -> Iterator[Any]:
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterLost(f"no Dask scheduler answers at {scheduler}: {error}") from error
    try:
        yield client
    finally:
        client.close()


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ImportError as error:
        raise ProxybenchError(f"a Dask cluster needs distributed; {how_to_install('dask')}") from error
