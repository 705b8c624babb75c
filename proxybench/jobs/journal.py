"""The journal: an append-only file of records, one JSON line each, that many processes and threads may write at once.

Every access holds an exclusive lock on `NAME.lock`, which the operating system frees when its holder dies. A record
is one write and reaches the disk before `append` returns. A writer that was killed half-way leaves the beginning of a
record as the last line; the next access moves it to `NAME.torn`, so that its cell is run again. Nothing else is ever
taken out of a file: one that holds other lines is refused as it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from proxybench.errors import CorruptData
from proxybench.files import replace_file
from proxybench.records import Cell, Record, TaskIdentity

_BEGINNING = b'{"'


class Journal:
    """The records of a run, on disk. Opening it creates the file and sets a torn last line aside.

    Attributes:
        path: the file; `proxybench.records.read_records` reads it.
        torn: the bytes that were moved to `NAME.torn` because they are part of a record; empty where there were none.

    Raises:
        CorruptData: for a line that is no record (naming file and line), or a cell that is there twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.torn = b""
        self._forget()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.locked():
            pass

    def cells(self) -> frozenset[Cell]:
        """The cells that are recorded now, by this process or another."""
        with self.locked() as recorded:
            return frozenset(recorded)

    def append(self, record: Record) -> None:
        """Add a record. Raises CorruptData when its cell is recorded already."""
        if not self.append_if_absent(record):
            raise CorruptData(f"{self.path}: {tuple(record.cell)} is recorded already")

    def append_if_absent(self, record: Record) -> bool:
        """Add a record unless its cell is recorded already; whether it was added."""
        line = msgspec.json.encode(record, order="sorted") + b"\n"
        with self.locked() as recorded:
            if record.cell in recorded:
                return False
            with self._open() as descriptor:
                _write_whole(descriptor, line)
                self._refresh(descriptor)
        return True

    def drop(self, unwanted: Callable[[Record], bool]) -> int:
        """Remove records, so that their cells are run again; how many.

        The file is replaced in one step: a reader sees all the old records or none of those dropped. Lines that stay
        are the same bytes, whatever fields they have beside those of a record.
        """
        with self.locked():
            lines = [(self._decode(line), line) for line in self.path.read_bytes().splitlines()]
            kept = sorted(((record.cell, line) for record, line in lines if not unwanted(record)))
            if len(kept) < len(lines):
                replace_file(self.path, b"".join(line + b"\n" for _, line in kept))
        return len(lines) - len(kept)

    @contextmanager
    def locked(self) -> Iterator[Mapping[Cell, TaskIdentity]]:
        """Keep all other writers out; yields the recorded cells, each with its task. Not reentrant."""
        # A descriptor of its own for each holder, so that threads exclude each other as processes do.
        descriptor = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with self._open() as file:
                self._refresh(file)
            yield self._tasks
        finally:
            os.close(descriptor)

    @contextmanager
    def _open(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _forget(self) -> None:
        self._tasks: dict[Cell, TaskIdentity] = {}
        self._identities: dict[TaskIdentity, TaskIdentity] = {}
        self._inode = self._offset = self._lines = 0

    def _refresh(self, descriptor: int) -> None:
        """Read what was added since the last time, and set a torn last line aside."""
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
        """A last line without its end: a whole record gets the end, the beginning of one is set aside.

        Anything else was not torn by a writer of records. It is in a file of something else, and stays there.
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
        if record.cell in self._tasks:
            raise CorruptData(f"{self.path}:{self._lines + 1}: {tuple(record.cell)} is recorded twice")
        self._tasks[record.cell] = self._identities.setdefault(record.task, record.task)
        self._offset += len(line) + 1
        self._lines += 1


def _write_whole(descriptor: int, line: bytes) -> None:
    """One write that reaches the disk, or none."""
    before = os.fstat(descriptor).st_size
    written = os.write(descriptor, line)
    if written < len(line):
        os.ftruncate(descriptor, before)
        raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes of a record could be written: disk full?")
    os.fsync(descriptor)


def _read_from(descriptor: int, offset: int) -> bytes:
    pieces = []
    while piece := os.pread(descriptor, 2**26, offset):
        pieces.append(piece)
        offset += len(piece)
    return b"".join(pieces)


def _sync_folder(folder: Path) -> None:
    """Make sure that a new file's name reaches the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
