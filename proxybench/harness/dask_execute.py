"""Executes cells on a Dask cluster. The client alone writes the journal; a cell runs in a child of a Dask worker.

The child process is the same as with `proxybench.harness.execute`, so a cell that exits, crashes or exhausts its memory
does not harm the Dask worker. A Dask worker that is lost while it runs a cell costs nothing: the scheduler gives the
cell to another one.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import msgspec

from predictors.errors import how_to_install
from proxybench.errors import ProxybenchError
from proxybench.harness.backlog import Backlog, Summary
from proxybench.harness.cells import CellSpec
from proxybench.harness.journal import Journal
from proxybench.harness.pool import POLL_S, WorkerPool, with_provenance
from proxybench.records import Record

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
        ProxybenchError: when the package `distributed` is not installed.
        ValueError, WorkerFailed, CorruptData: as `execute`.
    """
    distributed = _distributed()
    with Backlog(specs, journal, on_record) as backlog:
        if len(backlog) == 0:
            return backlog.summary
        with _client(distributed, scheduler) as client:
            _run(backlog, _Cluster(distributed, client, run, timeout_s, memory_mb, no_workers_s))
        return backlog.summary


def evaluate_here(data: bytes, run: str, timeout_s: float | None, memory_mb: int | None) -> bytes:
    """What a Dask worker does: one cell (JSON of CellSpec) in this thread's child process; JSON of its Record."""
    spec = msgspec.json.decode(data, type=CellSpec)
    pool = _pool_of_thread(run, memory_mb)
    try:
        return msgspec.json.encode(pool.evaluate(spec, timeout_s))
    except BaseException:
        _forget_pool_of_thread()
        raise


_of_thread = threading.local()


def _pool_of_thread(run: str, memory_mb: int | None) -> WorkerPool:
    """A pool of one, kept from cell to cell as long as they ask for the same, at most until the Dask worker ends."""
    if getattr(_of_thread, "wanted", None) != (run, memory_mb):
        _forget_pool_of_thread()
        _of_thread.pool = WorkerPool(run, memory_mb)
        _of_thread.wanted = (run, memory_mb)
    pool: WorkerPool = _of_thread.pool
    return pool


def _forget_pool_of_thread() -> None:
    if hasattr(_of_thread, "pool"):
        _of_thread.pool.close()
        del _of_thread.pool, _of_thread.wanted


class _Cluster:
    """The cells that a cluster has, seen from the client."""

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
        self._arguments = (run, timeout_s, memory_mb)
        self._no_workers_s = no_workers_s
        self._with_workers = time.monotonic()
        self.cells: dict[Any, CellSpec] = {}

    def room(self) -> int:
        """How many more cells it should be given. Raises ClusterLost when it has had no workers for too long."""
        try:
            threads: int = sum(self._client.nthreads().values())
        except (OSError, self._distributed.client.ClosedClientError) as error:
            raise self._lost() from error
        now = time.monotonic()
        if threads:
            self._with_workers = now
        elif now - self._with_workers > self._no_workers_s:
            raise ClusterLost(f"the Dask scheduler has had no workers for {self._no_workers_s:.0f} s; start some")
        return AHEAD * threads - len(self.cells)

    def submit(self, spec: CellSpec) -> None:
        """Hand over a cell."""
        # A key of its own: with equal keys two clients would share one task, and so lose it together.
        future = self._client.submit(
            evaluate_here, msgspec.json.encode(spec), *self._arguments, key=f"proxybench-{uuid.uuid4().hex}"
        )
        self.cells[future] = spec

    def finished(self) -> Iterator[Record]:
        """Records of the cells with an outcome, after waiting for one a moment."""
        self._wait()
        for future in [future for future in self.cells if future.status in ("finished", "error")]:
            record = self._outcome(future, self.cells[future])
            if record is not None:
                yield record
                del self.cells[future]
        if any(future.status in ("cancelled", "lost") for future in self.cells):
            raise self._lost()

    def _wait(self) -> None:
        if not self.cells:
            time.sleep(POLL_S)
            return
        try:
            with self._client.as_current():
                self._distributed.wait(list(self.cells), timeout=POLL_S, return_when="FIRST_COMPLETED")
        except (TimeoutError, self._distributed.CancelledError):
            return

    def _outcome(self, future: Any, spec: CellSpec) -> Record | None:
        """The record; None if it went away with the Dask worker that had made it, and is being made again."""
        try:
            return msgspec.json.decode(future.result(timeout=FETCH_S), type=Record)
        except TimeoutError:
            return None
        except self._distributed.KilledWorker as error:
            return with_provenance(spec.without_result("failed", f"KilledWorker: {error}"))
        except (self._distributed.CancelledError, self._distributed.comm.CommClosedError) as error:
            raise self._lost() from error

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
            cluster.submit(spec)
        try:
            for record in cluster.finished():
                backlog.record(record)
        except KeyboardInterrupt:
            for record in cluster.finished():
                backlog.record(record)
            raise


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
