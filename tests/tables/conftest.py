"""A real HTTP server on this machine that misbehaves on request, and the environment that downloads need."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from proxybench.tables.sources.registry import SourceFile


@dataclass
class Reply:
    """How to answer one request. The defaults are a good server that supports ranges."""

    status: int = 200
    body: bytes | None = None  # instead of the file
    ranges: bool = True
    content_range: str | None = None  # instead of the right one
    cut: int | None = None  # send so many bytes of the body, then hang up
    first_byte_s: float = 0.0  # wait before the status line
    piece: int = 2**16
    piece_s: float = 0.0  # wait after each piece of the body
    announce: int | None = None  # Content-Length instead of the right one
    chunked: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None  # the whole answer, status line and all


class Server(ThreadingHTTPServer):
    """Serves files by path, each with a list of replies of which the last one repeats; keeps a log of the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, tuple[bytes, list[Reply]]] = {}
        self.log: list[tuple[str, str | None]] = []  # path, Range header
        self.sent = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, path: str, body: bytes, *replies: Reply) -> str:
        self.files[path] = (body, list(replies) or [Reply()])
        return self.base + path

    def ranges(self, path: str) -> list[str | None]:
        return [asked for name, asked in self.log if name == path]

    def handle_error(self, request, client_address) -> None:
        """Clients of these tests hang up on purpose."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format, *args) -> None:
        pass

    def do_GET(self) -> None:
        count = len(self.server.ranges(self.path))
        self.server.log.append((self.path, self.headers["Range"]))
        if self.path not in self.server.files:
            self.send_error(404)
            return
        body, replies = self.server.files[self.path]
        with suppress(ConnectionError):
            self.answer(body, replies[min(count, len(replies) - 1)])

    def answer(self, body: bytes, reply: Reply) -> None:
        time.sleep(reply.first_byte_s)
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            return
        if reply.status != 200:
            body = b""
        body = body if reply.body is None else reply.body
        total, status, headers = len(body), reply.status, dict(reply.headers)
        asked = self.headers["Range"]
        if asked and reply.ranges and status == 200:
            offset = int(asked.removeprefix("bytes=").removesuffix("-"))
            body, status = body[offset:], 206
            headers["Content-Range"] = reply.content_range or f"bytes {offset}-{total - 1}/{total}"
        self.send_response(status)
        if reply.chunked:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(len(body) if reply.announce is None else reply.announce)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        body = body if reply.cut is None else body[: reply.cut]
        for start in range(0, len(body), reply.piece):
            piece = body[start : start + reply.piece]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if reply.chunked else piece)
            self.server.sent += len(piece)
            time.sleep(reply.piece_s)
        if reply.chunked and reply.cut is None:
            self.wfile.write(b"0\r\n\r\n")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no proxy, mirror or offline setting of the machine."""
    for name in ("PROXYBENCH_MIRROR", "PROXYBENCH_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "cache"
    monkeypatch.setenv("PROXYBENCH_CACHE", str(folder))
    return folder


def source_file(body: bytes, *urls: str, path: str = "some/source/data.bin") -> SourceFile:
    return SourceFile(
        urls=urls, path=path, sha256=hashlib.sha256(body).hexdigest(), bytes=len(body), licence="none stated"
    )


@pytest.fixture(name="source_file")
def source_file_fixture():
    return source_file
