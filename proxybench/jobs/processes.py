"""Several processes working on one folder, seen from the process that starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from proxybench.errors import ProxybenchError
from proxybench.jobs.environment import ENVIRONMENT
from proxybench.jobs.folder import load
from proxybench.jobs.guard import Guard
from proxybench.jobs.shards import POLL_S, Progress, Work, do

_CHILD = "import sys; sys.path[:0] = sys.argv[2:]; from proxybench.jobs.processes import child; child(sys.argv[1])"


class WorkersDied(ProxybenchError, RuntimeError):
    """The worker processes ended before the work was done."""


def do_in_processes(work: Work, workers: int, on_progress: Progress | None = None) -> None:
    """Like `shards.do`, in new processes on this machine, which die with this one.

    A worker that dies leaves its chunk to the others.

    Raises:
        WorkersDied: if none is left and there is work; with the last output of the last one.
    """
    with ExitStack() as stack:
        guard = Guard()
        stack.callback(guard.stop)
        running = [_start(work.folder, guard, stack) for _ in range(workers)]
        while work.missing():
            if on_progress is not None:
                on_progress(work.done())
            alive = [process for process, _ in running if process.poll() is None]
            if not alive and work.missing():
                raise WorkersDied(_farewell(work, *running[-1]))
            time.sleep(POLL_S)
        for process, _ in running:
            process.wait()
    if on_progress is not None:
        on_progress(work.done())


def child(folder: str) -> None:
    """Entry point of a worker process."""
    try:
        do(load(Path(folder)))
    except (ProxybenchError, OSError) as error:
        sys.exit(f"error: {error}")


def _start(folder: Path, guard: Guard, stack: ExitStack) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    words = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    paths = [path or str(Path.cwd()) for path in sys.path]
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(folder.absolute()), *paths],
        stdin=subprocess.DEVNULL,
        stdout=words,
        stderr=words,
        env={**os.environ, **ENVIRONMENT},
        start_new_session=True,  # Ctrl-C reaches only this process
    )
    guard.watch(process.pid)
    stack.callback(_end, process, guard)
    return process, words


def _end(process: subprocess.Popen[bytes], guard: Guard) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    guard.forget(process.pid)


def _farewell(work: Work, process: subprocess.Popen[bytes], words: IO[bytes]) -> str:
    words.seek(0)
    lines = words.read().decode(errors="replace").strip().splitlines()
    code = process.returncode
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    last = lines[-1].removeprefix("error: ") if lines else "no output"
    return (
        f"the worker processes ended ({how}: {last}); {work.done()} of {work.items.num_rows} are done, "
        "run the same command again to resume"
    )
