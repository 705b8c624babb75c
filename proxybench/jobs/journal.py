"""The journal: an append-only file of records, one JSON line each, safe for concurrent processes and threads.

Every access holds an exclusive lock on `NAME.lock`, which the operating system releases when its holder dies. A record
is one write and reaches the disk before `append` returns. A writer killed half-way leaves the beginning of a record as
the last line; the next access moves it to `NAME.torn`, so that its job is run again. Nothing else is ever removed from
a file: one with other lines is refused unchanged.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from proxybench.errors import CorruptData
from proxybench.files import held, replace_file
from proxybench.records import JobKey, Record, TaskIdentity

_BEGINNING = b'{"'
_BINARY = getattr(os, "O_BINARY", 0)  # Windows translates line ends otherwise


class Journal:
    """The records of a run, on disk. Opening it creates the file and sets a torn last line aside.

    Attributes:
        path: the file; `proxybench.records.read_records` reads it.
        lock: the file whose lock every access holds.
        torn: the bytes moved to `NAME.torn` because they are part of a record; empty if there were none.

    Raises:
        CorruptData: if a line is not a record (names file and line), or a job is recorded twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.lock = self.path.with_name(f"{self.path.name}.lock")
        self.torn = b""
        self._forget()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.locked():
            pass

    def recorded(self) -> frozenset[JobKey]:
        """The jobs recorded so far, by this process or another."""
        with self.locked() as recorded:
            return frozenset(recorded)

    def append(self, record: Record) -> None:
        """Add a record. Raises CorruptData if its job is already recorded."""
        if not self.append_if_absent(record):
            raise CorruptData(f"{self.path}: {tuple(record.key)} is already recorded")

    def append_if_absent(self, record: Record) -> bool:
        """Add a record unless its job is already recorded; returns whether it was added."""
        return self.append_absent([record]) == 1

    def append_absent(self, records: Iterable[Record]) -> int:
        """Add the records whose jobs are not recorded yet, the first of each, in one write; returns their number."""
        lines: dict[JobKey, bytes] = {}
        for record in records:
            lines.setdefault(record.key, msgspec.json.encode(record, order="sorted") + b"\n")
        with self.locked() as recorded:
            absent = [line for key, line in lines.items() if key not in recorded]
            if absent:
                with self._open() as descriptor:
                    _write_whole(descriptor, b"".join(absent))
                    self._refresh(descriptor)
        return len(absent)

    def drop(self, unwanted: Callable[[Record], bool]) -> int:
        """Remove records, so that their jobs are run again; returns their number.

        The file is replaced atomically: a reader sees all of the dropped records or none. Lines that stay are kept
        byte for byte, including fields that are not part of a record.
        """
        with self.locked():
            lines = [(self._decode(line), line) for line in self.path.read_bytes().splitlines()]
            kept = sorted(((record.key, line) for record, line in lines if not unwanted(record)))
            if len(kept) < len(lines):
                replace_file(self.path, b"".join(line + b"\n" for _, line in kept))
        return len(lines) - len(kept)

    @contextmanager
    def locked(self) -> Iterator[Mapping[JobKey, TaskIdentity]]:
        """Lock out all other writers; yields the recorded jobs, each with its task. Not reentrant."""
        with held(self.lock):
            with self._open() as file:
                self._refresh(file)
            yield self._tasks

    @contextmanager
    def _open(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, 0o666)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _forget(self) -> None:
        self._tasks: dict[JobKey, TaskIdentity] = {}
        self._identities: dict[TaskIdentity, TaskIdentity] = {}
        self._inode = self._offset = self._lines = 0

    def _refresh(self, descriptor: int) -> None:
        """Read the lines added since the last time, and set a torn last line aside."""
        status = os.fstat(descriptor)
        if status.st_ino != self._inode or status.st_size < self._offset:
            self._forget()
            self._inode = status.st_ino
            _sync_folder(self.path.parent)
        if status.st_size == self._offset:
            return
        data = _read_from(descriptor, self._offset)
        *lines, tail = data.split(b"\n")
        if not tail and lines[-1] and not lines[-1].strip(b"\0"):  # a line that reached the disk as zeros
            tail = lines.pop() + b"\n"
        for line in lines:
            self._note(self._decode(line), line)
        if tail:
            self._end_last_line(tail, descriptor)

    def _end_last_line(self, tail: bytes, descriptor: int) -> None:
        """Handle a last line without a line end: a whole record gets one, a partial record is set aside.

        Anything else was not written by a journal, so the file is left alone.
        """
        if self._is_torn(tail):
            with self.path.with_name(self.path.name + ".torn").open("ab") as aside:
                aside.write(tail + b"\n")
                aside.flush()
                os.fsync(aside.fileno())
            self.torn += tail
            os.ftruncate(descriptor, self._offset)
        else:
            self._note(self._decode(tail), tail)
            _write_whole(descriptor, b"\n")
        os.fsync(descriptor)

    def _is_torn(self, tail: bytes) -> bool:
        if not tail.strip(b"\0\n"):
            return True
        try:
            msgspec.json.decode(tail)
        except msgspec.DecodeError:
            return tail.startswith(_BEGINNING) or _BEGINNING.startswith(tail)
        return False

    def _decode(self, line: bytes) -> Record:
        try:
            return msgspec.json.decode(line, type=Record)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise CorruptData(f"{self.path}:{self._lines + 1} is not a record: {error}") from error

    def _note(self, record: Record, line: bytes) -> None:
        if record.key in self._tasks:
            raise CorruptData(f"{self.path}:{self._lines + 1}: {tuple(record.key)} is recorded twice")
        self._tasks[record.key] = self._identities.setdefault(record.task, record.task)
        self._offset += len(line) + 1
        self._lines += 1


def _write_whole(descriptor: int, line: bytes) -> None:
    """Write all of it to disk, or nothing."""
    before = os.fstat(descriptor).st_size
    written = os.write(descriptor, line)
    if written < len(line):
        os.ftruncate(descriptor, before)
        raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes of a record could be written: disk full?")
    os.fsync(descriptor)


def _read_from(descriptor: int, offset: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)  # writes go to the end of the file all the same
    return b"".join(iter(lambda: os.read(descriptor, 2**26), b""))


def _sync_folder(folder: Path) -> None:
    """Make sure that a new file's name reaches the disk too; Windows cannot open a folder."""
    with suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
