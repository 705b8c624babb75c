"""Obtaining raw source files: from the cache, a mirror or their public addresses, always verified by SHA-256.

PROXYBENCH_MIRROR is a folder, as a path or a file:// URL, or an http(s) base URL, with files at their
SourceFile.path; it is tried before the public addresses. With PROXYBENCH_OFFLINE=1 those are never tried.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from proxybench.errors import FetchFailed
from proxybench.files import settle
from proxybench.tables.sources.cache import (
    SourceFailed,
    atomic_path,
    check_sha256,
    explain_write_failure,
    forget_verified,
    is_recorded_verified,
    locked,
    raw_path,
    record_verified,
    sha256_of,
)
from proxybench.tables.sources.reach import no_network
from proxybench.tables.sources.registry import SourceFile

if TYPE_CHECKING:
    from proxybench.tables.sources.transfer import Patience

__all__ = ["obtain", "obtain_all", "raw_path", "verify_file"]

Progress = Callable[[int], None]
_CHUNK = 2**20


def obtain(file: SourceFile, *, progress: Progress | None = None, patience: Patience | None = None) -> Path:
    """The verified raw file in the cache, fetched if necessary.

    An interrupted download resumes where it stopped, in this call or a later one. Several processes may request the
    same file at once: one fetches it, the others wait.

    Args:
        file: the file to get.
        progress: called with the change in the number of bytes available, negative if bytes prove to be unusable; the
            sum is `file.bytes` in the end.
        patience: time limits and number of attempts of downloads.

    Raises:
        FetchFailed: if no source has the file, with one line per source tried; or the cache cannot be written.
    """
    return _obtain(file, progress or _ignore, patience, threading.Event())


def obtain_all(
    files: Mapping[str, SourceFile],
    *,
    jobs: int = 4,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> tuple[dict[str, Path], dict[str, FetchFailed]]:
    """Like `obtain`, for several files at once: the paths of obtained files and the failures of the others, by name.

    A failure does not stop the others. An interrupt stops soon and leaves parts to resume from. If none of the public
    addresses can be reached, those files fail at once, with one message for all of them.

    Args:
        files: the files to get, by any name.
        jobs: number of simultaneous downloads.
        progress: as in `obtain`, for all files together; called from worker threads, never twice at a time.
        patience: as in `obtain`.
    """
    paths: dict[str, Path] = {}
    failures: dict[str, FetchFailed] = {}
    broken: list[BaseException] = []
    stop, lock = threading.Event(), threading.Lock()
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    remote = {name: urls for name, file in files.items() if (urls := _public_urls(file))}
    unreachable = no_network(url for urls in remote.values() for url in urls)
    for name in files:
        if unreachable and name in remote:
            failures[name] = FetchFailed(f"{unreachable}; {_next_step()}")
        else:
            todo.put(name)

    def report(change: int) -> None:
        with lock:
            (progress or _ignore)(change)

    def work() -> None:
        while not stop.is_set():
            try:
                name = todo.get_nowait()
            except queue.Empty:
                return
            try:
                paths[name] = _obtain(files[name], report, patience, stop)
            except FetchFailed as error:
                failures[name] = error
            except BaseException as error:
                broken.append(error)
                stop.set()

    # Daemons, so that an interrupted program need not wait for a server that has gone silent.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(max(jobs, 1), len(files)))]
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(0.05)
    finally:
        stop.set()
        _join(threads, seconds=1.0)
    if broken:
        raise broken[0]
    return {name: paths[name] for name in files if name in paths}, failures


def verify_file(file: SourceFile) -> Literal["ok", "absent", "wrong size", "wrong sha256"]:
    """Recompute the size and SHA-256 of the cached copy. The next `obtain` fetches a damaged one again."""
    path = raw_path(file)
    if not path.is_file():
        return "absent"
    size = path.stat().st_size
    if size == file.bytes and sha256_of(path) == file.sha256:
        return "ok"
    forget_verified(file)
    return "wrong size" if size != file.bytes else "wrong sha256"


def _ignore(change: int) -> None:
    pass


def _join(threads: list[threading.Thread], seconds: float) -> None:
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0.0))


def _obtain(file: SourceFile, progress: Progress, patience: Patience | None, stop: threading.Event) -> Path:
    target = raw_path(file)
    if _is_here(file):
        progress(file.bytes)
        return target
    with explain_write_failure(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target, stop.is_set):
            if _is_here(file):  # another process fetched it while this one waited
                progress(file.bytes)
            else:
                _fetch(file, target, progress, patience, stop)
                record_verified(file)
    return target


def _is_here(file: SourceFile) -> bool:
    if is_recorded_verified(file):
        return True
    if verify_file(file) != "ok":
        return False
    record_verified(file)
    return True


def _fetch(
    file: SourceFile, target: Path, progress: Progress, patience: Patience | None, stop: threading.Event
) -> None:
    """Create `target` from the first source that has it."""
    failures = [f"cache: {target} is damaged"] if target.exists() else []
    part = target.with_name(target.name + ".part")
    folder, urls, refused = _sources(file)
    failures += refused
    if folder is not None:
        try:
            _copy(folder / file.path, target, file, progress, stop)
            part.unlink(missing_ok=True)
            return
        except SourceFailed as error:
            failures.append(f"mirror: {folder / file.path}: {error}")
    if urls:
        from proxybench.tables.sources.transfer import PartFile, Patience, download

        arrived = PartFile(part, progress)
        for url in urls:
            try:
                download(url, arrived, file, patience or Patience(), stop)
                settle(part, target)
                return
            except SourceFailed as error:
                failures.append(f"{url}: {error}")
    raise FetchFailed("\n  ".join([f"cannot obtain {file.path} ({file.bytes} bytes):", *failures, _next_step()]))


def _public_urls(file: SourceFile) -> list[str]:
    """The addresses that have to be tried because neither the cache nor a mirror folder seems to have the file."""
    if raw_path(file).is_file():
        return []
    folder, urls, _ = _sources(file)
    return [] if folder is not None and (folder / file.path).is_file() else urls


def _sources(file: SourceFile) -> tuple[Path | None, list[str], list[str]]:
    """The mirror folder, if any; the addresses to try in order; why a mirror cannot be used."""
    mirror = os.environ.get("PROXYBENCH_MIRROR", "")
    urls = [] if _offline() else list(file.urls)
    scheme, separator, _ = mirror.partition("://")
    scheme = scheme.lower()
    if not separator:
        return Path(mirror).expanduser() if mirror else None, urls, []
    if scheme in ("http", "https"):
        return None, [f"{mirror.rstrip('/')}/{quote(file.path)}", *urls], []
    parts = urlsplit(mirror)
    if scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(url2pathname(parts.path)), urls, []
    return None, urls, [f"mirror: {mirror} is neither a folder on this machine, file:///FOLDER nor an http address"]


def _offline() -> bool:
    return os.environ.get("PROXYBENCH_OFFLINE", "").lower() not in ("", "0", "false", "no")


def _next_step() -> str:
    if _offline():
        return (
            "PROXYBENCH_OFFLINE is set, so no public address was tried: unset it, or name a mirror in PROXYBENCH_MIRROR"
        )
    return "check the connection and run it again, or name a folder that holds this path in PROXYBENCH_MIRROR"


def _copy(source: Path, target: Path, file: SourceFile, progress: Progress, stop: threading.Event) -> None:
    """Copy and verify a file of the mirror folder. Raises SourceFailed if it is missing, unreadable or wrong."""
    copied = 0
    try:
        with atomic_path(target) as temporary:
            with temporary.open("wb") as stream:
                for piece in _pieces(source, file.bytes):
                    if stop.is_set():
                        raise SourceFailed("stopped")
                    stream.write(piece)
                    copied += len(piece)
                    progress(len(piece))
            check_sha256(temporary, file)
    except SourceFailed:
        progress(-copied)
        raise


def _pieces(source: Path, size: int) -> Iterator[bytes]:
    """The bytes of a file of the mirror. Only failures to read are caught here, not those to write."""
    try:
        if not source.is_file():
            raise SourceFailed("does not exist")
        found = source.stat().st_size
        if found != size:
            raise SourceFailed(f"has {found} bytes instead of {size}")
        with source.open("rb") as stream:
            while piece := stream.read(_CHUNK):
                yield piece
    except SourceFailed:
        raise
    except OSError as error:
        raise SourceFailed(f"cannot be read ({error.strerror})") from error
