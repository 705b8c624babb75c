"""What a process does about itself and its descendants, as far as the system supports it.

Finding and killing descendants, adopting them, dying with the parent, silencing output, and measuring and limiting
memory.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import resource

    _HAS_RESOURCE = True
except ImportError:  # Windows
    _HAS_RESOURCE = False

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants, so that `descendants` finds them (Linux)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """Have the system kill this process when the thread that started it ends (Linux)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def descendants(ancestor: int) -> list[int]:
    """All descendants of this process, parents first, whatever group they moved to; empty if there is no /proc."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            # pid (name) state ppid ...; the name may hold spaces and brackets
            parent = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    found = list(children.get(ancestor, []))
    for process in found:  # grows while it is read
        found += children.get(process, [])
    return found


def kill(processes: Iterable[int]) -> None:
    """Kill processes; skips those that are gone or belong to another user."""
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


def silence() -> None:
    """Discard printed output: it has no place in a record, and there may be gigabytes of it."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def reset_peak() -> None:
    """Reset the peak of resident memory, if the system supports it (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float | None:
    """Peak resident memory since the last reset, or the start of the process, in MB of 2**20 bytes; None if unknown.

    Does not use ru_maxrss on Linux: it never falls, and a spawned process inherits its parent's.
    """
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 2**10
    except (OSError, IndexError):
        if not _HAS_RESOURCE:
            return None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


@contextmanager
def limited_memory(memory_mb: int | None) -> Iterator[None]:
    """Bound the writable private memory of the process, libraries included (Linux; no effect elsewhere).

    Uses RLIMIT_DATA rather than RLIMIT_AS, since torch and BLAS reserve far more address space than they use. Only the
    soft limit is lowered, so that there is memory left to report that it was hit.
    """
    if memory_mb is None or not _HAS_RESOURCE:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def has_children() -> bool:
    """Whether this process has child processes, running or dead."""
    try:
        if hasattr(os, "waitid"):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        else:  # macOS before Python 3.13; takes the exit status of a dead child, whose owner is gone by now
            os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def death(code: int) -> str:
    """How a process ended, in words, from its exit code as `subprocess` gives it."""
    if code >= 0:
        return f"the process exited with code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = ", which the system sends when memory runs out" if name == "SIGKILL" else ""
    return f"the process was killed by {name}{hint}"


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)
