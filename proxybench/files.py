"""Replacing a file atomically: a reader sees the old file or the new one, even if the writer is killed.

A file is written under a random temporary name in the same folder. The writer holds a lock on the temporary file,
released by the operating system when the process dies, so the next process that writes to the folder can distinguish
files left by killed processes, which it removes, from those being written. These locks are taken with fcntl, because
filelock locks a separate file that would have to be created and removed as well; where the system has no fcntl, only
the age of a temporary file counts. All other locks, those of `held`, are taken with filelock.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

try:
    import fcntl

    _HAS_FCNTL = True
except ImportError:  # Windows
    _HAS_FCNTL = False

LOCK_POLL_S = 0.01
OLD_S = 24 * 3600.0  # after which a temporary file of unknown owner is considered abandoned
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp", re.DOTALL)
_EARLIER_TEMPORARY = re.compile(r"\..+\.[0-9]+(-[0-9a-f]{8})?\.tmp", re.DOTALL)  # from versions that held no lock
_OPEN = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))  # no system has all of them
_swept: set[tuple[int, int]] = set()  # device and inode of the folders that this process has swept


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content becomes `path` when the block ends without error; the folder is created if missing.

    The permissions follow the umask. If `path` is a symbolic link, the link itself is replaced.

    Raises:
        OSError: if writing fails; `path` is then unchanged.
    """
    with temporary_beside(path) as temporary:
        with temporary.open("rb+") as stream:
            yield stream
        settle(temporary, path)


def replace_file(path: Path, content: bytes) -> Path:
    """Write `content` to `path` atomically, like `replacing`, and return the path. Raises OSError if writing fails."""
    with replacing(path) as stream:
        stream.write(content)
    return path


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A new empty file in the folder of `path`; removed at the end if it still has that name.

    Raises:
        OSError: if the folder cannot be created or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    temporary, descriptor = _new_temporary(path)
    try:
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()
        if descriptor is not None:
            os.close(descriptor)


def settle(temporary: Path, target: Path) -> None:
    """Flush a finished file to disk and atomically move it to its name, replacing an older file."""
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.replace(target)


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in `folder`, once per process and folder.

    Only regular files named by this module are removed, and none whose writer is alive.
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
    """Whether nothing has been written to `path` for a day. Raises OSError if its status cannot be read."""
    return time.time() - path.lstat().st_mtime > OLD_S


@contextmanager
def held(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Lock the file `path` against other threads and processes; yields whether the lock was acquired.

    The operating system releases the lock if this process is killed. The file stays; its permissions follow the umask.

    Args:
        path: the lock file, created if missing.
        wait: whether to wait until the lock is free; otherwise the block is entered without it if it is taken.

    Raises:
        OSError: if the file cannot be opened or the file system does not support locks.
    """
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=-1 if wait else 0, poll_interval=LOCK_POLL_S)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _new_temporary(path: Path) -> tuple[Path, int | None]:
    """A new file that nobody else has opened, and the descriptor through which its writer holds a lock on it.

    Links are not followed. The descriptor is None where files have no such locks.
    """
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _OPEN, 0o666)
        if not _HAS_FCNTL:
            os.close(descriptor)
            return temporary, None
        with suppress(OSError):  # a file system without locks; then only age counts
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between the two steps another process may have considered the file abandoned and removed it.
        if os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)


def _remove_abandoned(temporary: Path) -> None:
    """Remove a temporary file unless its writer is alive. Raises OSError if that cannot be determined or done."""
    if not _HAS_FCNTL:
        if is_old(temporary):
            temporary.unlink()
        return
    descriptor = os.open(temporary, os.O_RDWR | os.O_NONBLOCK | _OPEN)
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
