"""Claims: the jobs in progress in all runs that share a store, so that no two runs do the same work.

Every run keeps two files in one folder: `RUN.jobs`, the names of the jobs in its hands, and `RUN.lock`, locked for as
long as the run lives. The operating system releases the lock of a run that is killed, whose files are then removed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

import msgspec

from proxybench.files import held


class JobClaims:
    """The jobs claimed by this run. A context manager: they are released on exit, or when the process dies.

    Args:
        folder: the claims of all runs; created on entry, removed on exit if no other run needs it.
        lock: file whose lock is held while claims are read or changed; must not be held by the caller meanwhile.
    """

    def __init__(self, folder: Path, lock: Path) -> None:
        self._folder = folder
        self._lock = lock
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._jobs, self._alive = folder / f"{name}.jobs", folder / f"{name}.lock"
        self._mine: set[str] = set()
        self._held = ExitStack()

    def __enter__(self) -> JobClaims:
        with held(self._lock):
            self._folder.mkdir(exist_ok=True)
            self._held.enter_context(held(self._alive))
            self._write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with held(self._lock):
            self._mine.clear()
            self._held.close()
            for path in (self._jobs, self._alive):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # other runs have claims
                self._folder.rmdir()

    def claim_first(self, jobs: Iterable[str]) -> str | None:
        """Claim the first of these jobs that no living run has claimed, and return its name; None if all are claimed.

        Whether the job is done must be checked afterwards: another run may just have recorded and released it.
        """
        with held(self._lock):
            claimed = self._mine | self._elsewhere()
            chosen = next((job for job in jobs if job not in claimed), None)
            if chosen is not None:
                self._mine.add(chosen)
                self._write()
            return chosen

    def release(self, job: str) -> None:
        """Release a job that is recorded, or that will not be done here."""
        with held(self._lock):
            self._mine.discard(job)
            self._write()

    def _elsewhere(self) -> set[str]:
        """The jobs claimed by other living runs; removes the files of dead ones."""
        names: set[str] = set()
        for path in list(self._folder.iterdir()):
            if path in (self._jobs, self._alive):
                continue
            with held(path.with_suffix(".lock"), wait=False) as dead:
                if not dead and path.suffix == ".jobs":
                    names.update(msgspec.json.decode(path.read_bytes(), type=list[str]))
            if dead:
                for left in (path, path.with_suffix(".lock")):
                    left.unlink(missing_ok=True)
        return names

    def _write(self) -> None:
        self._jobs.write_bytes(msgspec.json.encode(sorted(self._mine)))
