"""Worker processes, seen from the parent: started, given jobs, watched, killed, replaced.

Joblib and concurrent.futures only report that some worker died, and lose everything in flight; here the parent gives
each worker one job at a time and so knows which job was running. The workers are new interpreters (never forks, so
threads of the parent do no harm) started with subprocess rather than multiprocessing, which would run the parent's
main module again and is not available in a daemonic process, for example a Dask worker.

Each worker leads its own process group. The whole group is killed, including anything the job started, and Ctrl-C in a
terminal reaches only the parent. If the parent itself is killed, `proxybench.jobs.guard` kills the groups.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import IO

import msgspec

from proxybench.errors import ProxybenchError
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.channel import Channel, ChannelBroken, wait
from proxybench.jobs.environment import ENVIRONMENT
from proxybench.jobs.guard import Guard
from proxybench.jobs.kin import death, descendants, kill
from proxybench.jobs.provenance import provenance
from proxybench.jobs.worker import Answer, Greeting
from proxybench.records import Record

POLL_S = 0.1
START_S = 300.0
START_ATTEMPTS = 3
FAREWELL_S = 1.0


class WorkerFailed(ProxybenchError):
    """Workers cannot start or cannot load the function; no job is to blame."""


class JobLacking(msgspec.Struct, frozen=True):
    """A job that was not run because its table, method or a library is missing here, and which of them."""

    spec: JobSpec
    reason: str


class Worker:
    """One worker process and the job it runs.

    Attributes:
        ready: whether it has loaded the function.
        spec: the job it runs; None while it is idle.
        gone: whether it was killed or died, and can no longer be used.
        refusal: why it could not load the function.
        channel: the channel for its answers.
    """

    def __init__(self, run: str, memory_mb: int | None, guard: Guard, *, among_others: bool = False) -> None:
        self.ready = self.gone = False
        self.spec: JobSpec | None = None
        self.refusal = ""
        self._timeout_s: float | None = None
        self._memory_mb = memory_mb
        self._guard = guard
        self._among_others = among_others
        self._start = time.monotonic()
        self._deadline = self._start + START_S
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _program(theirs.fileno(), run, memory_mb)],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                pass_fds=[theirs.fileno()],
                env={**ENVIRONMENT, **os.environ},
                start_new_session=True,
            )
        self.channel = Channel(ours)
        guard.watch(self._process.pid)

    @property
    def idle(self) -> bool:
        """Whether it waits for a job."""
        return self.ready and self.spec is None and not self.gone

    @property
    def deadline(self) -> float:
        """The time, on the monotonic clock, when the current job times out."""
        return self._deadline

    def assign(self, spec: JobSpec, timeout_s: float | None) -> bool:
        """Give it a job; returns False if the worker turns out to be dead, with the job untouched."""
        try:
            self.channel.send(msgspec.json.encode(spec))
        except OSError:
            self.stop()
            return False
        self.spec = spec
        self._timeout_s = timeout_s
        self._start = time.monotonic()
        self._deadline = float("inf") if timeout_s is None else self._start + timeout_s
        return True

    def poll(self) -> Record | JobLacking | None:
        """Check on it; returns the outcome of its job once known."""
        ended = self._exited()  # before reading the channel, so that everything sent is there
        try:
            message = self.channel.poll()
            if message is not None and self.spec is None:
                self._greeted(message)
            elif message is not None and self.spec is not None:
                return self._answered(self.spec, msgspec.json.decode(message, type=Answer))
        except ChannelBroken as error:
            return self._broke_off(str(error))
        except msgspec.DecodeError:
            return self._broke_off("something other than a record was written to the channel")
        if message is not None:
            return None
        if ended:
            return self._died()
        if time.monotonic() >= self._deadline and self.spec is not None:
            return self._timed_out(self.spec)
        if time.monotonic() >= self._deadline and not self.ready:
            self.stop()
        return None

    def stop(self) -> int:
        """Kill the process and its descendants; returns its exit code."""
        # May be interrupted anywhere and called again. The group is killed before its leader is reaped, since until
        # then its number cannot be reused. Processes that moved to another group are found as descendants.
        if self._process.returncode is None:
            moved = descendants(self._process.pid)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            kill(moved)
            self._process.wait()
        if not self.gone:
            self._guard.forget(self._process.pid)
            self.channel.close()
            self.gone = True
        return self._process.returncode

    def last_words(self) -> str:
        """Its output before it was ready, at most the last 2000 characters."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-2000:]

    def close(self) -> None:
        """Stop it and release everything."""
        self.stop()
        self._errors.close()

    def _greeted(self, data: bytes) -> None:
        greeting = msgspec.json.decode(data, type=Greeting)
        if greeting.error:
            self.refusal = greeting.error
            self.stop()
        else:
            self.ready, self._deadline = True, float("inf")

    def _answered(self, spec: JobSpec, answer: Answer) -> Record | JobLacking:
        self.spec = None
        self._deadline = float("inf")
        if not answer.reusable:
            self.stop()
        if answer.lacking and (self._among_others or not answer.message):
            return JobLacking(spec, answer.lacking)
        record = answer.record or spec.without_result(answer.outcome, answer.message)
        return with_provenance(msgspec.structs.replace(record, cost={**answer.cost, **record.cost}))

    def _timed_out(self, spec: JobSpec) -> Record:
        wall_s = time.monotonic() - self._start
        self.stop()
        return with_provenance(
            spec.without_result("timeout", f"took longer than {self._timeout_s} s", {"wall_s": wall_s})
        )

    def _died(self) -> Record | None:
        message = death(self.stop())
        if self._memory_mb is not None:
            message += f" (memory limit {self._memory_mb} MB)"
        return self._failed(message)

    def _broke_off(self, reason: str) -> Record | None:
        """The outcome of a job whose worker broke the protocol; a process that exits closes its end first."""
        patience = time.monotonic() + FAREWELL_S
        while not self._exited() and time.monotonic() < patience:
            time.sleep(FAREWELL_S / 20)
        if self._exited():
            return self._died()
        self.stop()
        return self._failed(reason)

    def _failed(self, message: str) -> Record | None:
        if self.spec is None:
            return None
        return with_provenance(self.spec.without_result("failed", message, {"wall_s": time.monotonic() - self._start}))

    def _exited(self) -> bool:
        """Whether the process has ended, without reaping it."""
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


class WorkerPool:
    """A pool of workers for one function. A context manager: all of them are dead on exit.

    Args:
        run: "module:function", as for `execute`.
        memory_mb: as for `execute`.
        among_others: whether other machines do the same work, so that a job whose library is not installed here is
            better left to them.

    Attributes:
        finished: outcomes of jobs, to be removed by the owner.
    """

    def __init__(self, run: str, memory_mb: int | None = None, *, among_others: bool = False) -> None:
        self.finished: deque[Record | JobLacking] = deque()
        self._among_others = among_others
        self._run = run
        self._memory_mb = memory_mb
        self._guard = Guard()
        self._workers: list[Worker] = []
        self._false_starts = 0
        self._failure = ""

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill all workers."""
        for worker in self._workers:
            worker.close()
        self._workers = []
        self._guard.stop()

    def grow(self, size: int) -> None:
        """Start workers up to this number; does not wait for them."""
        while len(self._workers) < size:
            self._workers.append(Worker(self._run, self._memory_mb, self._guard, among_others=self._among_others))

    def idle(self) -> Worker | None:
        """A worker that waits for a job."""
        return next((worker for worker in self._workers if worker.idle), None)

    def wait(self, timeout_s: float = POLL_S) -> None:
        """Wait until something happens, at most the given time, and add the outcomes of jobs to `finished`.

        Raises:
            WorkerFailed: if the workers cannot start or cannot load the function.
        """
        if self._failure:
            raise WorkerFailed(self._failure)
        alive = [worker for worker in self._workers if not worker.gone]
        if alive:
            soonest = min(worker.deadline for worker in alive) - time.monotonic()
            wait([worker.channel for worker in alive], max(0.0, min(timeout_s, soonest)))
        else:
            time.sleep(timeout_s)
        for worker in alive:
            if (outcome := worker.poll()) is not None:
                self.finished.append(outcome)
        for worker in [worker for worker in self._workers if worker.gone]:
            self._bury(worker)

    def evaluate(self, spec: JobSpec, timeout_s: float | None) -> Record | JobLacking:
        """Run one job and wait for its outcome; for a pool that has nothing else to do.

        Raises:
            WorkerFailed: like `wait`.
        """
        begun = False
        while not self.finished:
            if not begun:
                self.grow(1)
                worker = self.idle()
                begun = worker is not None and worker.assign(spec, timeout_s)
            self.wait()
        return self.finished.popleft()

    def _bury(self, worker: Worker) -> None:
        """Remove a dead worker. The next `wait` raises a failure to start, after this one has returned its outcomes."""
        self._workers.remove(worker)
        words = worker.last_words()
        worker.close()
        self._false_starts = 0 if worker.ready else self._false_starts + 1
        if worker.refusal:
            self._failure = f"the workers cannot load {self._run}: {worker.refusal}"
        elif self._false_starts >= START_ATTEMPTS:
            self._failure = f"{START_ATTEMPTS} workers in a row died or hung while they loaded {self._run}. {words}"


def _program(descriptor: int, run: str, memory_mb: int | None) -> str:
    """The program of a worker's interpreter; it has the same module search path."""
    return (
        f"import sys; sys.path[:] = {sys.path!r}; from proxybench.jobs.worker import main; "
        f"main({descriptor}, {run!r}, {memory_mb!r})"
    )


def with_provenance(record: Record) -> Record:
    """The record, with provenance added if the function gave none."""
    return record if record.provenance else msgspec.structs.replace(record, provenance=provenance())
