"""Worker processes, seen from the parent: started, given jobs, watched, killed, replaced.

Joblib and concurrent.futures only report that some worker died, and lose everything in flight; here the parent gives
each worker one job at a time and so knows which job was running. If the parent itself is killed,
`proxybench.jobs.process_guard` kills the workers.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from types import TracebackType
from typing import IO

import msgspec

from proxybench.jobs.channel import wait
from proxybench.jobs.child_process import ChildGone, ChildProcess
from proxybench.jobs.process_guard import ProcessGuard
from proxybench.jobs.provenance import provenance
from proxybench.jobs.store import Answer, Job, Program, WorkerFailed
from proxybench.jobs.worker import Greeting

POLL_S = 0.1
START_S = 300.0
START_ATTEMPTS = 3


class WorkerProcess:
    """One worker and the job it does.

    Attributes:
        ready: whether it has loaded the function.
        job: the job it does; None while it is idle.
        gone: whether it was killed or died, and can no longer be used.
        refusal: why it could not load the function.
        deadline: when it must have loaded the function or done its job, on the monotonic clock.
    """

    def __init__(self, program: Program, memory_mb: int | None, guard: ProcessGuard) -> None:
        self.ready = self.gone = False
        self.job: Job | None = None
        self.refusal = ""
        self._timeout_s: float | None = None
        self._memory_mb = memory_mb
        self._start = time.monotonic()
        self.deadline = self._start + START_S
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        with tempfile.TemporaryFile() as given:
            given.write(msgspec.msgpack.encode(program))
            self._process = ChildProcess("proxybench.jobs.worker:main", (memory_mb,), given, guard, self._output)
        self.channel = self._process.channel

    @property
    def idle(self) -> bool:
        """Whether it waits for a job."""
        return self.ready and self.job is None and not self.gone

    def assign(self, job: Job, timeout_s: float | None) -> bool:
        """Give it a job; returns False if the worker turns out to be dead, with the job untouched."""
        try:
            self.channel.send(job.content)
        except OSError:
            self.stop()
            return False
        self.job = job
        self._timeout_s = timeout_s
        self._start = time.monotonic()
        self.deadline = float("inf") if timeout_s is None else self._start + timeout_s
        return True

    def poll(self) -> tuple[Job, Answer] | None:
        """Check on it; returns its job with the answer once known."""
        try:
            message = self._process.poll()
            if message is not None and self.job is None:
                self._greeted(msgspec.msgpack.decode(message, type=Greeting))
            elif message is not None:
                return self._answered(msgspec.msgpack.decode(message, type=Answer))
        except ChildGone as error:
            limit = f" (memory limit {self._memory_mb} MB)" if error.died and self._memory_mb is not None else ""
            return self._failed(f"{error}{limit}", died=error.died)
        except msgspec.DecodeError:
            return self._failed("something other than an answer was written to the channel")
        if message is None and time.monotonic() >= self.deadline:
            return self._timed_out()
        return None

    def stop(self) -> None:
        """Kill the process and its descendants."""
        self._process.stop()
        self.gone = True

    def last_words(self) -> str:
        """Its output before it was ready, at most the last 2000 characters."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace").strip()[-2000:]

    def close(self) -> None:
        """Stop it and release everything."""
        self.stop()
        self._output.close()

    def _greeted(self, greeting: Greeting) -> None:
        if greeting.error:
            self.refusal = greeting.error
            self.stop()
        else:
            self.ready, self.deadline = True, float("inf")

    def _answered(self, answer: Answer) -> tuple[Job, Answer] | None:
        if not answer.reusable:
            self.stop()
        return self._finished(answer)

    def _timed_out(self) -> tuple[Job, Answer] | None:
        wall_s = time.monotonic() - self._start
        self.stop()
        return self._finished(Answer(None, "timeout", f"took longer than {self._timeout_s} s", {"wall_s": wall_s}))

    def _failed(self, message: str, *, died: bool = False) -> tuple[Job, Answer] | None:
        self.stop()
        return self._finished(Answer(None, "failed", message, {"wall_s": time.monotonic() - self._start}, died=died))

    def _finished(self, answer: Answer) -> tuple[Job, Answer] | None:
        """The current job with its answer; None if it had none, as while it starts."""
        job, self.job = self.job, None
        self.deadline = float("inf")
        return None if job is None else (job, msgspec.structs.replace(answer, provenance=provenance()))


class WorkerPool:
    """A pool of workers for one function. A context manager: all of them are dead on exit.

    Args:
        program: the function.
        memory_mb: writable private memory of a worker, libraries included (Linux).

    Attributes:
        finished: jobs with their answers, to be removed by the owner.
    """

    def __init__(self, program: Program, memory_mb: int | None = None) -> None:
        self.finished: deque[tuple[Job, Answer]] = deque()
        self._program = program
        self._memory_mb = memory_mb
        self._guard = ProcessGuard()
        self._workers: list[WorkerProcess] = []
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
            self._workers.append(WorkerProcess(self._program, self._memory_mb, self._guard))

    def idle(self) -> WorkerProcess | None:
        """A worker that waits for a job."""
        return next((worker for worker in self._workers if worker.idle), None)

    def wait(self, timeout_s: float = POLL_S) -> None:
        """Wait until something happens, at most the given time, and add answered jobs to `finished`.

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
            if (done := worker.poll()) is not None:
                self.finished.append(done)
        for worker in [worker for worker in self._workers if worker.gone]:
            self._bury(worker)

    def do(self, job: Job, timeout_s: float | None) -> Answer:
        """Do one job and wait for its answer; for a pool that has nothing else to do.

        Raises:
            WorkerFailed: like `wait`.
        """
        begun = False
        while not self.finished:
            if not begun:
                self.grow(1)
                worker = self.idle()
                begun = worker is not None and worker.assign(job, timeout_s)
            self.wait()
        return self.finished.popleft()[1]

    def _bury(self, worker: WorkerProcess) -> None:
        """Remove a dead worker. The next `wait` raises a failure to start, after this one has returned its answers."""
        self._workers.remove(worker)
        words = worker.last_words()
        worker.close()
        self._false_starts = 0 if worker.ready else self._false_starts + 1
        if worker.refusal:
            self._failure = f"the workers cannot load {self._program.name}: {worker.refusal}"
        elif self._false_starts >= START_ATTEMPTS:
            self._failure = (
                f"{START_ATTEMPTS} workers in a row died or hung while they loaded {self._program.name}. {words}"
            )
