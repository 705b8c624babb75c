"""A guard: a small process that kills process groups when the process that started it ends for any reason.

It detects that from a closed pipe. A busy worker cannot watch a pipe itself while C code holds the interpreter
lock, and the kernel's parent death signal (PR_SET_PDEATHSIG) would spare the processes that the worker started.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

GUARD = """
import os, sys
groups = set()
for line in sys.stdin:
    group = int(line)
    (groups.add if group > 0 else groups.discard)(abs(group))
for group in groups:
    try:
        os.killpg(group, 9)
    except ProcessLookupError:
        pass
"""


class ProcessGuard:
    """A process that kills the registered groups when this process is gone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        """Put a process group under guard."""
        self._send(group)

    def forget(self, group: int) -> None:
        """Unregister a process group that is gone; its number may be reused."""
        self._send(-group)

    def _send(self, number: int) -> None:
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # the guard was killed, which is no reason to stop the run
                self._process.stdin.write(b"%d\n" % number)
                self._process.stdin.flush()

    def stop(self) -> None:
        """Stop the guard once no group is left."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()
