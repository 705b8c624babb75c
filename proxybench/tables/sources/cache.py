"""The cache folder: locations of raw source files, and adding files atomically.

The folder is PROXYBENCH_CACHE, or the platform's user cache folder; nothing is created before it is needed. A raw
file is stored at `raw/<SourceFile.path>`. Next to it there may be `.part` (bytes received so far), `.lock` (held while
a process fetches) and `.verified` (size, time and SHA-256 of the copy last checked).
"""

from __future__ import annotations

import errno
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from proxybench.cache_folder import cache_dir
from proxybench.errors import FetchFailed
from proxybench.files import held, settle, temporary_beside
from proxybench.tables.sources.registry import SourceFile


class SourceFailed(FetchFailed):
    """One source of a file does not serve it; another may."""


_POLL_S = 0.02
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG}


def raw_path(file: SourceFile) -> Path:
    """The location of the raw file in the cache, whether or not it exists."""
    return cache_dir() / "raw" / file.path


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A new path in the folder of `target`; the file written there becomes `target` if the block ends without error.

    The file reaches the disk before it is renamed, so `target` is always missing, old or complete. After an error or
    an interrupt the temporary file is removed.

    Raises:
        FetchFailed: if the folder cannot be written to, or the disk is full.
    """
    with explain_write_failure(target.parent), temporary_beside(target) as temporary:
        yield temporary
        settle(temporary, target)


@contextmanager
def explain_write_failure(folder: Path) -> Iterator[None]:
    """Turn a failure to create or write `folder` into a FetchFailed that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            step = "free some space and run it again, or set PROXYBENCH_CACHE to a folder on a larger disk"
        elif error.errno in _NOT_WRITABLE and _concerns(folder, error):
            step = "make it writable, or set PROXYBENCH_CACHE to a folder that is"
        else:
            raise
        raise FetchFailed(f"cannot write to the cache folder {folder}: {error.strerror}; {step}") from error


def _concerns(folder: Path, error: OSError) -> bool:
    """Whether the path in the error is the folder, inside it, or above it."""
    if not isinstance(error.filename, str):
        return True
    path = Path(error.filename)
    return path.is_relative_to(folder) or folder.is_relative_to(path)


@contextmanager
def locked(target: Path, stopped: Callable[[], bool]) -> Iterator[None]:
    """Lock `target` against other threads and processes; the system releases the lock if this process is killed.

    Raises:
        FetchFailed: if `stopped` becomes true while waiting.
    """
    while True:
        with held(target.with_name(f"{target.name}.lock"), wait=False) as mine:
            if mine:
                yield
                return
        if stopped():
            raise FetchFailed(f"stopped while another process was working on {target}")
        time.sleep(_POLL_S)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 lower-case hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_sha256(path: Path, file: SourceFile) -> None:
    """Raise SourceFailed, naming both hashes, if the content of `path` is not that of `file`."""
    found = sha256_of(path)
    if found != file.sha256:
        raise SourceFailed(f"sha256 {found} instead of {file.sha256}")


def record_verified(file: SourceFile) -> None:
    """Record that the cached copy was just checked, so that the next load need not read it all."""
    target = raw_path(file)
    # A cache filled by others may be read-only here; then every load checks again.
    with suppress(OSError, FetchFailed), atomic_path(_stamp_path(target)) as temporary:
        temporary.write_text(json.dumps(_stamp(target, file.sha256)), encoding="ascii")


def forget_verified(file: SourceFile) -> None:
    """Remove the mark of `record_verified`."""
    with suppress(OSError):
        _stamp_path(raw_path(file)).unlink()


def is_recorded_verified(file: SourceFile) -> bool:
    """Whether the cached copy was checked against this SHA-256 and has not been written to since."""
    target = raw_path(file)
    try:
        recorded = json.loads(_stamp_path(target).read_bytes())
        return target.is_file() and bool(recorded == _stamp(target, file.sha256))
    except (OSError, ValueError):
        return False


def _stamp_path(target: Path) -> Path:
    return target.with_name(target.name + ".verified")


def _stamp(target: Path, sha256: str) -> dict[str, str | int]:
    status = target.stat()
    return {"sha256": sha256, "bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
