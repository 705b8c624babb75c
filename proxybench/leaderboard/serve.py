"""Serves the page of a folder to browsers on this machine, and only files in that folder."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

from proxybench.errors import DataNotAvailable, ProxybenchError
from proxybench.leaderboard.page.html import PAGE

HOST = "127.0.0.1"


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of `folder` on the loopback address; port 0 takes a free port, which is the server's `server_port`.

    Raises:
        DataNotAvailable: if the folder has no page.
        ProxybenchError: if the port is in use.
    """
    if not (folder / PAGE).is_file():
        raise DataNotAvailable(f"{folder} holds no {PAGE}; run: proxybench leaderboard build")
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Files, directory=str(folder.resolve())))
    except OSError as error:
        raise ProxybenchError(f"cannot listen on port {port}: {error}; choose another with --port") from error


class _Files(SimpleHTTPRequestHandler):
    """Files below a folder: no listings, hidden files or links to files outside, no requests for other hosts."""

    @property
    def port(self) -> int:
        assert isinstance(self.server, ThreadingHTTPServer)
        return self.server.server_port

    def send_head(self) -> BytesIO | None:
        name, _, port = self.headers.get("Host", "").partition(":")
        if name not in (HOST, "localhost") or port not in ("", str(self.port)):
            self.send_error(HTTPStatus.FORBIDDEN, "Only requests for 127.0.0.1 are answered")
            return None
        root = Path(self.directory)
        path = Path(self.translate_path(self.path).replace("\0", "_"))
        path = (path / PAGE if path.is_dir() else path).resolve()
        inside = path.is_relative_to(root) and not any(part.startswith(".") for part in path.relative_to(root).parts)
        if not inside or not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        content = path.read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        return BytesIO(content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the terminal belongs to the caller."""
