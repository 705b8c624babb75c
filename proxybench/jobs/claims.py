"""Claims: which cells the runs into one journal have in hand, so that no two runs do the same work.

Every run keeps one file in the folder `NAME.claims` beside the journal, with the cells that it is running now. It
holds a lock on that file for as long as it lives; a file that is not locked was left by a run that is dead, and says
nothing.
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
from proxybench.records import Cell


class Claims:
    """The cells that this run has in hand. A context: on leaving it, or when the process dies, they are free again."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._path = journal.path.with_name(journal.path.name + ".claims") / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._descriptor = -1
        self._mine: set[Cell] = set()

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
        # The file must be gone before the lock on it is, and nobody may look at it in between.
        with self._journal.locked():
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            with suppress(OSError):
                self._path.parent.rmdir()

    def elsewhere(self) -> set[Cell]:
        """The cells that other living runs have in hand. To be called while the journal is locked."""
        cells: set[Cell] = set()
        for path in self._path.parent.iterdir():
            if path != self._path:
                cells |= _cells_of_living(path)
        return cells

    def add(self, cell: Cell) -> None:
        """Take a cell in hand. To be called while the journal is locked, for a cell that is not taken elsewhere."""
        self._mine.add(cell)
        self._write()

    def release(self, cell: Cell) -> None:
        """Let go of a cell that is recorded; others see that by the record."""
        self._mine.discard(cell)

    def _write(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, msgspec.json.encode(sorted(self._mine)), 0)


def _cells_of_living(path: Path) -> set[Cell]:
    """What the file claims if a living run holds it; else the file is removed."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return set(msgspec.json.decode(path.read_bytes(), type=list[Cell]))
    else:
        path.unlink()
        return set()
    finally:
        os.close(descriptor)
