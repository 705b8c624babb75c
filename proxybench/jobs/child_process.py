"""A new interpreter at the other end of a channel: started, watched, and killed with everything that it started.

It is never a fork, so threads of the parent do no harm, and is started with subprocess rather than multiprocessing,
which would run the parent's main module again and is not available in a daemonic process, such as a Dask worker.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO

from proxybench.errors import ProxybenchError
from proxybench.jobs.channel import Channel, ChannelBroken
from proxybench.jobs.process_control import death, descendants, kill
from proxybench.jobs.process_guard import ProcessGuard

FAREWELL_S = 1.0
_CAN_PEEK = hasattr(os, "waitid")  # not on macOS before Python 3.13

# Results must not depend on the number of workers: BLAS sums in another order with more threads, and the order of sets
# of strings depends on the hash seed. Jobs are what runs in parallel; set these variables to use threads inside jobs.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}


class ChildGone(Exception):
    """The process can give no more messages; the error message says why.

    Attributes:
        died: whether it ended, rather than disrupt the channel.
    """

    def __init__(self, reason: str, *, died: bool) -> None:
        super().__init__(reason)
        self.died = died


class ChildProcess:
    """A process that runs one function of this project, with the module search path of this one.

    The function is called with the descriptor of its end of the channel and `arguments`.

    Args:
        function: "module:function".
        arguments: further arguments; anything whose `repr` is a literal.
        given: a file, from whose start it reads as standard input; may be closed afterwards.
        guard: kills the process and its group if this process ends; then it leads a group of its own, and Ctrl-C in a
            terminal does not reach it. Without a guard it stays in the group of this process.
        output: where its output goes; by default nowhere.

    Attributes:
        channel: this end of the channel.

    Raises:
        ProxybenchError: if the system has no process groups.
    """

    def __init__(
        self,
        function: str,
        arguments: tuple[object, ...],
        given: IO[bytes],
        guard: ProcessGuard | None = None,
        output: IO[bytes] | int = subprocess.DEVNULL,
    ) -> None:
        if not hasattr(os, "killpg"):
            raise ProxybenchError(
                "worker processes need Linux or macOS; on Windows, run this under WSL, or with one job in this process"
            )
        module, _, name = function.partition(":")
        ours, theirs = socket.socketpair()
        with theirs:
            given.seek(0)
            call = f"{name}(*{(theirs.fileno(), *arguments)!r})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; from {module} import {name}; {call}"],
                stdin=given,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                env={**ENVIRONMENT, **os.environ},
                start_new_session=guard is not None,
            )
        self.channel = Channel(ours)
        self._guard = guard
        self._stopped = False
        if guard is not None:
            guard.watch(self._process.pid)

    def poll(self) -> bytes | None:
        """The next message if it has arrived in full; does not wait, except for the end of a process that breaks off.

        Raises:
            ChildGone: if no message can arrive any more; the process is then stopped.
        """
        ended = self._ended()  # before reading the channel, so that everything sent is there
        try:
            message = self.channel.poll()
        except ChannelBroken as error:
            patience = time.monotonic() + FAREWELL_S  # a process that exits closes its end first
            while not (ended := self._ended()) and time.monotonic() < patience:
                time.sleep(FAREWELL_S / 20)
            code = self.stop()
            raise ChildGone(death(code) if ended else str(error), died=ended) from error
        if message is None and ended:
            raise ChildGone(death(self.stop()), died=True)
        return message

    def stop(self) -> int:
        """Kill the process and its descendants; returns its exit code."""
        # May be interrupted anywhere and called again. The group is killed before its leader is reaped, since until
        # then its number cannot be reused. Processes that moved to another group are found as descendants.
        if not self._stopped:
            moved = descendants(self._process.pid)
            if self._guard is not None and (self._process.returncode is None or not _CAN_PEEK):
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            kill(moved)
            self._process.wait()
            if self._guard is not None:
                self._guard.forget(self._process.pid)
            self.channel.close()
            self._stopped = True
        return self._process.returncode

    def _ended(self) -> bool:
        """Whether the process has ended; without reaping it, where the system can."""
        if self._process.returncode is not None or not _CAN_PEEK:
            return self._process.poll() is not None
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
