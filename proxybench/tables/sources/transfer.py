"""Downloads one file over HTTP from a server that may be slow, broken or hostile.

Received bytes are kept in a part file, and a later attempt resumes at its end if the server supports that. The size
and the SHA-256 are known beforehand: no more bytes are accepted, and nothing is decompressed, so a response can cost
no more memory or disk than the file itself.
"""

from __future__ import annotations

import http.client
import itertools
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from proxybench.tables.sources.cache import SourceFailed, check_sha256
from proxybench.tables.sources.deadline import Deadline, watched_session
from proxybench.tables.sources.registry import SourceFile

_CHUNK = 16 * 2**10  # at most this much is lost if a connection breaks
_PROGRESS = 2**20  # new bytes after which a broken attempt does not count
_REDIRECTS = 5
_RETRY_STATUS = {408, 425, 429, *range(500, 600)}
_LONGEST_PAUSE_S = 30.0
_TOTAL_S = 120.0
_SLOWEST = 2e6 / 60  # bytes per second


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how many attempts in a row may fail to make progress.

    Attributes:
        connect_s: seconds for a connection.
        read_s: seconds within which data must arrive.
        tries: attempts in a row without progress.
        pause_s: seconds before the second attempt; doubled before each further one.
        total_s: seconds for all attempts at one address; by default PROXYBENCH_DOWNLOAD_SECONDS, or
            two minutes plus one for each 2 MB of the file.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    tries: int = 4
    pause_s: float = 0.5
    total_s: float | None = None

    def seconds_for(self, size: int) -> float:
        """Seconds for a file of `size` bytes. Raises SourceFailed if the environment variable is not a number."""
        if self.total_s is not None:
            return self.total_s
        text = os.environ.get("PROXYBENCH_DOWNLOAD_SECONDS", "")
        try:
            seconds = float(text) if text else _TOTAL_S + size / _SLOWEST
        except ValueError:
            seconds = 0.0
        if not seconds > 0:
            raise SourceFailed(f"PROXYBENCH_DOWNLOAD_SECONDS is {text!r}; set it to a number of seconds, or unset it")
        return min(seconds, threading.TIMEOUT_MAX)


class PartFile:
    """The bytes of a file received so far, on disk; `progress` is called with every change of their number."""

    def __init__(self, path: Path, progress: Callable[[int], None]) -> None:
        self.path = path
        self.size = path.stat().st_size if path.exists() else 0
        self._progress = progress
        progress(self.size)

    def extend(self, pieces: Iterable[bytes], limit: int) -> None:
        """Append pieces, each flushed so that it survives a kill. Raises SourceFailed before `limit` is exceeded."""
        with self.path.open("ab") as stream:
            for piece in pieces:
                if self.size + len(piece) > limit:
                    raise SourceFailed(f"the server sent more than {limit} bytes")
                stream.write(piece)
                stream.flush()
                self.size += len(piece)
                self._progress(len(piece))

    def drop(self) -> None:
        """Discard the received bytes."""
        self.path.unlink(missing_ok=True)
        self._progress(-self.size)
        self.size = 0


class _Temporary(Exception):
    """A failure that another attempt may not meet; `useless` means that it must not resume from the part."""

    def __init__(self, reason: str, *, wait_s: float = 0.0, useless: bool = False) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.useless = useless


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: left to itself, requests reads and decompresses the whole body of a redirect before it goes on."""


def download(url: str, part: PartFile, file: SourceFile, patience: Patience, stop: threading.Event) -> None:
    """Download all bytes of `file` from `url` into `part`, verified, within the time limits of `patience`.

    Temporary failures (connection, timeout, HTTP 408, 425, 429 and 5xx, a truncated body) are retried after a pause
    that doubles; others end the download. A part assembled from several responses with the wrong SHA-256 is fetched
    once more from the start.

    Raises:
        SourceFailed: if this address does not serve the file; says why.
    """
    furthest, futile = part.size, 0
    deadline = Deadline(patience.seconds_for(file.bytes))
    with deadline.running(), watched_session(_Session(), deadline) as session:
        while not stop.is_set():
            try:
                _complete(session, url, part, file, patience, stop)
                return
            except _Temporary as error:
                if error.useless:
                    part.drop()
                if deadline.over:
                    raise SourceFailed(
                        f"{part.size} of {file.bytes} bytes in {deadline.seconds:g} s; run it again to go on from "
                        "there, or allow more seconds in PROXYBENCH_DOWNLOAD_SECONDS"
                    ) from error
                futile = 1 if part.size >= furthest + _PROGRESS else futile + 1
                furthest = max(furthest, part.size)
                if futile >= patience.tries:
                    raise SourceFailed(f"{error} (gave up after {futile} tries)") from error
                stop.wait(min(max(patience.pause_s * 2 ** (futile - 1), error.wait_s), _LONGEST_PAUSE_S))
    raise SourceFailed("stopped")


def _complete(
    session: requests.Session, url: str, part: PartFile, file: SourceFile, patience: Patience, stop: threading.Event
) -> None:
    """Fetch the rest of the part in one response, and check the whole."""
    offset = part.size
    if offset < file.bytes or not part.path.exists():
        with _get(session, url, offset, patience) as response:
            if not _continues(response, offset, file.bytes):
                part.drop()
                offset = 0
            _receive(response, part, file.bytes, stop)
    try:
        check_sha256(part.path, file)
    except SourceFailed as error:
        if offset:
            raise _Temporary(f"put together from several answers: {error}", useless=True) from error
        part.drop()
        raise


def _get(session: requests.Session, url: str, offset: int, patience: Patience) -> requests.Response:
    """The response to a GET from `offset` on, with its body unread. Follows redirects to http and https only."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "proxybench"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    for _ in range(_REDIRECTS + 1):
        response = _ask(session, url, headers, (patience.connect_s, patience.read_s))
        if not response.is_redirect:
            return response
        response.close()
        url = _redirect(url, response.headers["Location"])
    raise SourceFailed(f"more than {_REDIRECTS} redirects")


def _ask(
    session: requests.Session, url: str, headers: dict[str, str], timeout: tuple[float, float]
) -> requests.Response:
    """The response to one GET, whatever its status."""
    try:
        return session.get(url, headers=headers, timeout=timeout, stream=True, allow_redirects=False)
    except requests.exceptions.SSLError as error:
        raise SourceFailed(f"the server's certificate is not accepted ({error})") from error
    except requests.Timeout as error:
        raise _Temporary(f"no answer within {max(timeout):g} s") from error
    except requests.ConnectionError as error:
        raise _Temporary(f"the connection failed ({_cause(error)})") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise SourceFailed(f"the request failed ({_cause(error)})") from error


def _redirect(url: str, target: str) -> str:
    try:
        url = urljoin(url, target)
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise SourceFailed(f"redirect to {target[:200]!r}, which is not an address") from error
    if scheme not in ("http", "https"):
        raise SourceFailed(f"redirect to {target[:200]!r} refused: only http and https are followed")
    return url


def _continues(response: requests.Response, offset: int, size: int) -> bool:
    """Whether the body starts at `offset`; if not, it is the whole file. Raises for any other response."""
    status, headers = response.status_code, response.headers
    if status == 200:
        length = headers.get("Content-Length", "")
        if re.fullmatch(r"[0-9]{1,20}", length) and int(length) != size:
            raise SourceFailed(f"the server announces {length} bytes instead of {size}{_encoding(response)}")
        return False
    if status == 206 and offset:
        given = headers.get("Content-Range", "")
        if given.strip() in (f"bytes {offset}-{size - 1}/{size}", f"bytes {offset}-{size - 1}/*"):
            return True
        raise _Temporary(f"Content-Range {given[:80]!r} instead of bytes {offset}-{size - 1}/{size}", useless=True)
    if status == 416 and offset:
        raise _Temporary("HTTP 416: the server cannot go on where the part ends", useless=True)
    if status in _RETRY_STATUS:
        after = headers.get("Retry-After", "")
        raise _Temporary(f"HTTP {status}", wait_s=float(after) if re.fullmatch(r"[0-9]{1,4}", after) else 0.0)
    raise SourceFailed(f"HTTP {status}")


def _receive(response: requests.Response, part: PartFile, size: int, stop: threading.Event) -> None:
    try:
        part.extend(itertools.takewhile(lambda _: not stop.is_set(), _body(response)), size)
    except SourceFailed as error:
        part.drop()
        raise SourceFailed(f"{error}{_encoding(response)}") from error
    if stop.is_set():
        raise SourceFailed("stopped")
    if part.size < size:
        raise _Temporary(f"the body ended after {part.size} of {size} bytes{_encoding(response)}")


def _body(response: requests.Response) -> Iterator[bytes]:
    """The raw body. Catches only network errors, not disk errors."""
    try:
        yield from response.raw.stream(_CHUNK, decode_content=False)
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        raise _Temporary(f"the connection broke ({_cause(error)})") from error


def _encoding(response: requests.Response) -> str:
    encoding = response.headers.get("Content-Encoding", "identity")
    return "" if encoding == "identity" else f" (Content-Encoding {encoding[:40]!r}, which was not requested)"


def _cause(error: BaseException) -> str:
    """The innermost reason, without the objects that urllib3 wraps around it."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__}: {error}"[:200]
