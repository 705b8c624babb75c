"""Replacing a file in one step: a reader sees the old file or the new one, and a kill leaves one of the two.

A file is written under a random temporary name beside its place. The writer holds a lock on the temporary file, which
the operating system frees when the process dies, so the next process that writes to the folder can tell what a killed
one left behind from what a live one is writing, and removes the former.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

OLD_S = 24 * 3600.0  # after which a temporary file whose owner cannot be told is taken for abandoned
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp", re.DOTALL)
_EARLIER_TEMPORARY = re.compile(r"\..+\.[0-9]+(-[0-9a-f]{8})?\.tmp", re.DOTALL)  # of versions that held no lock
_swept: set[tuple[int, int]] = set()  # device and inode of the folders that this process has swept


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content becomes `path` when the block ends well; the folder is made if it is missing.

    The permissions follow the umask. `path` itself is replaced where it is a symbolic link.

    Raises:
        OSError: as writing does; `path` is then as it was.
    """
    with temporary_beside(path) as (temporary, descriptor):
        with open(descriptor, "wb", closefd=False) as stream:
            yield stream
        settle(temporary, path)


def replace_file(path: Path, content: bytes) -> Path:
    """Write `content` to `path` as `replacing` does; the path. Raises OSError as writing does."""
    with replacing(path) as stream:
        stream.write(content)
    return path


@contextmanager
def temporary_beside(path: Path) -> Iterator[tuple[Path, int]]:
    """A new empty file in the folder of `path`, and its descriptor; removed at the end if it still has that name.

    Raises:
        OSError: where the folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    temporary, descriptor = _new_temporary(path)
    try:
        yield temporary, descriptor
    finally:
        with suppress(OSError):
            temporary.unlink()
        os.close(descriptor)


def settle(temporary: Path, target: Path) -> None:
    """Flush a finished file to the disk and give it its name, in one step and over an older file."""
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.replace(target)


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in `folder`, once for each process and folder.

    Only regular files with the names that this module gives are touched, and none whose writer is alive.
    """
    status = folder.stat()
    if (status.st_dev, status.st_ino) in _swept:
        return
    _swept.add((status.st_dev, status.st_ino))
    names: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:  # a folder may be writable but not readable
        names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    for name in names:
        with suppress(OSError):
            if _TEMPORARY.fullmatch(name):
                _remove_abandoned(folder / name)
            elif _EARLIER_TEMPORARY.fullmatch(name) and is_old(folder / name):
                (folder / name).unlink()


def is_old(path: Path) -> bool:
    """Whether nothing has been written to `path` for a day. Raises OSError where it cannot be looked at."""
    return time.time() - path.lstat().st_mtime > OLD_S


@contextmanager
def held(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock file `path` against other threads and processes; whether it is held.

    The operating system frees it if this process is killed. The file stays, with permissions that follow the umask.

    Args:
        path: the lock file, made if it is missing.
        wait: until the lock is free; if not, the block is entered without it where somebody else holds it.

    Raises:
        OSError: where the file cannot be opened or the file system knows no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def _new_temporary(path: Path) -> tuple[Path, int]:
    """A new file that nobody else has opened, locked as its writer's; links are not followed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        descriptor = os.open(temporary, flags, 0o666)
        with suppress(OSError):  # a file system without locks; then age alone tells
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between the two steps another process may have taken the file for abandoned and removed it.
        if os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)


def _remove_abandoned(temporary: Path) -> None:
    """Remove a temporary file unless its writer is alive. Raises OSError where that cannot be told or done."""
    descriptor = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError:
            if not is_old(temporary):
                return
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            temporary.unlink()
    finally:
        os.close(descriptor)
