"""Runs the jobs of a store on a Dask cluster. Only the client uses the store; a job runs in a child of a Dask worker.

The child process is the same as with `run.run_in_processes`, so a job that exits, crashes or exhausts its memory does
not harm the Dask worker. If a Dask worker is lost while running a job, the scheduler gives the job to another one. If a
Dask worker lacks something a job needs, the client gives the job to another one, or leaves it out if there is no other.
A Dask worker with a different version of this project's code gets no jobs.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import msgspec

from predictors.errors import how_to_install
from proxybench.errors import ProxybenchError
from proxybench.jobs.dask_worker import Reply, do_on_worker
from proxybench.jobs.provenance import project_digest, provenance
from proxybench.jobs.store import Answer, Job, JobStore, Program
from proxybench.jobs.worker_pool import POLL_S

CONNECT_S = 30.0
NO_WORKERS_S = 60.0
FETCH_S = 10.0
AHEAD = 2  # jobs handed to the cluster per thread, so that none waits for the client


class ClusterLost(ProxybenchError, ConnectionError):
    """A Dask scheduler that does not answer, is gone, or has no workers."""


def run_on_cluster(
    store: JobStore,
    scheduler: str,
    *,
    timeout_s: float | None = None,
    memory_mb: int | None = None,
    no_workers_s: float = NO_WORKERS_S,
) -> None:
    """Do all jobs of the store on the cluster, whose workers need the same packages, but no access to the store.

    If a Dask worker lacks a job's table, method or library, or has another version than this machine, the job runs on
    another one; if no worker has them, the store leaves it out. Workers whose version of this project's code differs
    from this machine's are refused, and the store takes note of them.

    A job whose Dask worker died is run elsewhere, until as many workers have died with it as the scheduler's setting
    `distributed.scheduler.allowed-failures` permits; then its outcome is "failed".

    Args:
        store: the jobs, on this machine.
        scheduler: address, such as "tcp://10.0.0.1:8786".
        timeout_s: wall-clock seconds for one job.
        memory_mb: writable private memory of a job's process (Linux).
        no_workers_s: how long the cluster may be without workers.

    Raises:
        ClusterLost: if the scheduler does not answer or goes away, or has no workers. Finished jobs are recorded;
            repeating the call does the rest.
        ProxybenchError: if the package `distributed` is not installed, or all workers are refused.
        WorkerFailed: like `run.run_in_processes`.
    """
    distributed = _distributed()
    with store:
        if len(store) == 0:
            return
        with _client(distributed, scheduler) as client:
            _run(store, _Cluster(distributed, client, store.program, timeout_s, memory_mb, no_workers_s))


class _Cluster:
    """The jobs that a cluster has, seen from the client.

    Attributes:
        jobs: jobs handed over, by future.
        refused: workers that get no jobs, with the reason.
    """

    def __init__(
        self,
        distributed: Any,
        client: Any,
        program: Program,
        timeout_s: float | None,
        memory_mb: int | None,
        no_workers_s: float,
    ) -> None:
        self._distributed = distributed
        self._client = client
        self._arguments = (msgspec.msgpack.encode(program), timeout_s, memory_mb, project_digest())
        self._no_workers_s = no_workers_s
        self._with_workers = time.monotonic()
        self._lacking: dict[str, dict[str, str]] = {}
        self._bound: dict[Any, set[str]] = {}
        self.jobs: dict[Any, Job] = {}
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
            raise self._all_refused()
        elif now - self._with_workers > self._no_workers_s:
            raise ClusterLost(f"the Dask scheduler has had no workers for {self._no_workers_s:.0f} s; start some")
        return AHEAD * sum(fit.values()) - len(self.jobs)

    def submit(self, job: Job) -> str:
        """Hand over a job; returns what is missing if no current worker can run it, otherwise an empty text.

        Raises:
            ProxybenchError: if all workers are refused.
        """
        lacking, there = self._lacking.get(job.name, {}), set(self._threads())
        unfit = there & {*lacking, *self.refused}
        if there and there <= self.refused.keys():
            raise self._all_refused()
        if there and unfit == there:
            return next(iter(lacking.values()), "no remaining Dask worker may run it")
        # A unique key: with equal keys two clients would share one task, and so lose it together.
        key = f"proxybench-{uuid.uuid4().hex}"
        chosen = {"workers": sorted(there - unfit), "allow_other_workers": False} if unfit else {}
        future = self._client.submit(do_on_worker, msgspec.msgpack.encode(job), *self._arguments, key=key, **chosen)
        self.jobs[future] = job
        if unfit:
            self._bound[future] = there - unfit
        return ""

    def finished(self) -> Iterator[tuple[Job, Answer | str]]:
        """Finished jobs with their answers, or with what no worker has of it, after a short wait for one."""
        self._wait()
        yield from self._released()
        for future in [future for future in self.jobs if future.status in ("finished", "error")]:
            job = self.jobs[future]
            reply = self._reply(future)
            if reply is None:
                continue
            if reply.answer is not None and not reply.answer.lacking:
                yield job, reply.answer
                del self.jobs[future]
                continue
            del self.jobs[future]
            if reply.answer is None:
                self.refused[reply.worker] = reply.refusal
            else:
                self._lacking.setdefault(job.name, {})[reply.worker] = reply.answer.lacking
            if missing := self.submit(job):
                yield job, missing
        # "lost" is not the end: the result was on a worker that died, and the job is being done again elsewhere.
        if any(future.status == "cancelled" for future in self.jobs):
            raise self._lost()

    def _threads(self) -> dict[str, int]:
        try:
            threads: dict[str, int] = self._client.nthreads()
        except (OSError, self._distributed.client.ClosedClientError) as error:
            raise self._lost() from error
        return threads

    def _released(self) -> Iterator[tuple[Job, str]]:
        """Resubmit jobs bound to workers that are all gone, which would otherwise wait forever."""
        self._bound = {future: workers for future, workers in self._bound.items() if future in self.jobs}
        there = set(self._threads()) if self._bound else set()
        for future in [future for future, workers in self._bound.items() if there and not workers & there]:
            job = self.jobs.pop(future)
            future.cancel()
            if missing := self.submit(job):
                yield job, missing

    def _wait(self) -> None:
        if not self.jobs:
            time.sleep(POLL_S)
            return
        try:
            with self._client.as_current():
                self._distributed.wait(list(self.jobs), timeout=POLL_S, return_when="FIRST_COMPLETED")
        except (TimeoutError, self._distributed.CancelledError):
            return

    def _reply(self, future: Any) -> Reply | None:
        """A worker's reply; None if it was lost with the worker and is being recomputed."""
        try:
            return msgspec.msgpack.decode(future.result(timeout=FETCH_S), type=Reply)
        except TimeoutError:
            return None
        except self._distributed.KilledWorker as error:
            return Reply("", Answer(None, "failed", f"KilledWorker: {error}", provenance=provenance()))
        except (self._distributed.CancelledError, self._distributed.comm.CommClosedError) as error:
            raise self._lost() from error
        except TypeError as error:  # its function takes different arguments
            raise ProxybenchError(f"a Dask worker has another version of proxybench: {error}") from error

    def _all_refused(self) -> ProxybenchError:
        worker, reason = next(iter(self.refused.items()))
        return ProxybenchError(
            f"no Dask worker can be used; {worker}: {reason}. Install the same packages there as here"
        )

    def _lost(self) -> ClusterLost:
        return ClusterLost(
            f"the Dask scheduler is gone, and {len(self.jobs)} jobs with it; "
            "finished jobs are recorded, run the same command again for the rest"
        )


def _run(store: JobStore, cluster: _Cluster) -> None:
    while len(store):
        for _ in range(cluster.room()):
            job = store.take()
            if job is None:
                break
            if missing := cluster.submit(job):
                store.leave_out(job, missing)
        try:
            _record(store, cluster)
        except KeyboardInterrupt:
            _record(store, cluster)
            raise


def _record(store: JobStore, cluster: _Cluster) -> None:
    for job, answer in cluster.finished():
        if isinstance(answer, str):
            store.leave_out(job, answer)
        else:
            store.record(job, answer)
    store.refuse(cluster.refused)


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
