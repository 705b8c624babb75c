"""Claims: the jobs in progress in all runs that share a journal, so that no two runs do the same work.

Every run keeps one file in the folder `NAME.claims` next to the journal, with the jobs it is running. It holds a lock
on that file for as long as it lives; an unlocked file was left by a dead run and is ignored.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import msgspec

from proxybench.jobs.journal import Journal
from proxybench.records import JobKey


class Claims:
    """The jobs claimed by this run. A context manager: they are released on exit, or when the process dies."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._path = journal.path.with_name(journal.path.name + ".claims") / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._descriptor = -1
        self._mine: set[JobKey] = set()

    def __enter__(self) -> Claims:
        with self._journal.locked():
            self._path.parent.mkdir(exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self._write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file must be removed before its lock is released, and nobody may look at it in between.
        with self._journal.locked():
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            with suppress(OSError):
                self._path.parent.rmdir()

    def elsewhere(self) -> set[JobKey]:
        """The jobs claimed by other living runs. Call it while the journal is locked."""
        cells: set[JobKey] = set()
        for path in self._path.parent.iterdir():
            if path != self._path:
                cells |= _cells_of_living(path)
        return cells

    def add(self, cell: JobKey) -> None:
        """Claim a job that is not claimed elsewhere. Call it while the journal is locked."""
        self._mine.add(cell)
        self._write()

    def release(self, cell: JobKey) -> None:
        """Release a job that is recorded; other runs see the record."""
        self._mine.discard(cell)

    def _write(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, msgspec.json.encode(sorted(self._mine)), 0)


def _cells_of_living(path: Path) -> set[JobKey]:
    """The claims in the file if a living run holds it; otherwise the file is removed."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return set(msgspec.json.decode(path.read_bytes(), type=list[JobKey]))
    else:
        path.unlink()
        return set()
    finally:
        os.close(descriptor)
