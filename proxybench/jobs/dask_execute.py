"""Executes cells on a Dask cluster. The client alone writes the journal; a cell runs in a child of a Dask worker.

The child process is the same as with `proxybench.jobs.execute`, so a cell that exits, crashes or exhausts its memory
does not harm the Dask worker. A Dask worker that is lost while it runs a cell costs nothing: the scheduler gives the
cell to another one. So does one that lacks what a cell takes: the client gives the cell to another one, and leaves it
out where there is none. A Dask worker with other code of this project gets no cells at all.
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
AHEAD = 2  # cells handed to the cluster for each of its threads, so that none waits for the client


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
    """Evaluate the cells that the journal lacks on the cluster, and append their records; see `execute`.

    A cell whose table, method or library a Dask worker lacks, or has in another version than this machine, is run on
    another one; where none has them it is not run and not recorded, and `Summary.lacking` counts it. Workers whose code
    of this project is not that of this machine are refused; `Summary.refused` names them.

    A cell whose Dask worker died is run elsewhere, until as many workers have died with it as the scheduler's setting
    `distributed.scheduler.allowed-failures` permits; then its outcome is "failed".

    Args:
        specs: the cells, in the order in which they are begun.
        run: "module:function"; the Dask workers' environment must have that module, and proxybench.
        journal: on this machine.
        scheduler: address, such as "tcp://10.0.0.1:8786".
        timeout_s: wall-clock seconds for one cell.
        memory_mb: writable private memory of the process of a cell (Linux).
        on_record: called with every record after it is in the journal.
        no_workers_s: how long the cluster may be without any worker.

    Raises:
        ClusterLost: when the scheduler does not answer or goes away, or has no workers. What was finished is recorded;
            the same call does the rest.
        ProxybenchError: when the package `distributed` is not installed, or all workers are refused.
        ValueError, WorkerFailed, CorruptData: as `execute`.
    """
    distributed = _distributed()
    with Backlog(specs, journal, on_record) as backlog:
        if len(backlog) == 0:
            return backlog.summary
        with _client(distributed, scheduler) as client:
            _run(backlog, _Cluster(distributed, client, run, timeout_s, memory_mb, no_workers_s))
        return backlog.summary


class _Cluster:
    """The cells that a cluster has, seen from the client.

    Attributes:
        cells: what was handed over, by future.
        refused: workers that get no cells, with the reason.
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
        """How many more cells it should be given.

        Raises:
            ClusterLost: when it has had no workers for too long.
            ProxybenchError: when all its workers are refused.
        """
        threads = self._threads()
        fit = {worker: count for worker, count in threads.items() if worker not in self.refused}
        now = time.monotonic()
        if fit:
            self._with_workers = now
        elif threads:
            worker, reason = next(iter(self.refused.items()))
            raise ProxybenchError(
                f"no Dask worker can be given work; of {worker}: {reason}. Install there what is installed here"
            )
        elif now - self._with_workers > self._no_workers_s:
            raise ClusterLost(f"the Dask scheduler has had no workers for {self._no_workers_s:.0f} s; start some")
        return AHEAD * sum(fit.values()) - len(self.cells)

    def submit(self, spec: CellSpec) -> CellLacking | None:
        """Hand over a cell; what it lacks where no worker that is there now can run it."""
        lacking, there = self._lacking.get(spec.cell, {}), set(self._threads())
        unfit = there & {*lacking, *self.refused}
        if there and unfit == there:
            return CellLacking(spec, next(iter(lacking.values()), "no Dask worker is left that may run it"))
        # A key of its own: with equal keys two clients would share one task, and so lose it together.
        key = f"proxybench-{uuid.uuid4().hex}"
        chosen = {"workers": sorted(there - unfit), "allow_other_workers": False} if unfit else {}
        future = self._client.submit(evaluate_here, msgspec.json.encode(spec), *self._arguments, key=key, **chosen)
        self.cells[future] = spec
        if unfit:
            self._bound[future] = there - unfit
        return None

    def finished(self) -> Iterator[Record | CellLacking]:
        """What became of the cells with an outcome, after waiting for one a moment."""
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
        """Hand over again what was bound to workers that are all gone, and would wait for them for ever."""
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
        """What a worker answered; None if it went away with that worker, and is being made again."""
        try:
            answer = msgspec.json.decode(future.result(timeout=FETCH_S), type=Done | Refusal)
        except TimeoutError:
            return None
        except self._distributed.KilledWorker as error:
            return with_provenance(spec.without_result("failed", f"KilledWorker: {error}"))
        except (self._distributed.CancelledError, self._distributed.comm.CommClosedError) as error:
            raise self._lost() from error
        except TypeError as error:  # its function takes other arguments
            raise ProxybenchError(f"a Dask worker has another version of proxybench: {error}") from error
        return answer.record if isinstance(answer, Done) else answer

    def _lost(self) -> ClusterLost:
        return ClusterLost(
            f"the Dask scheduler is gone, and {len(self.cells)} cells with it; "
            "what was finished is recorded, run the same command again for the rest"
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
        raise ProxybenchError(f"a Dask cluster needs distributed; {how_to_install('dask', 'distributed')}") from error
