"""The page served to this machine, and nothing else served."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxybench.errors import DataNotAvailable, ProxybenchError
from proxybench.leaderboard.serve import server


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server of a folder next to which there is a secret file."""
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "leaderboard"
    (folder / "runs").mkdir(parents=True)
    (folder / "index.html").write_text("<p>the page</p>")
    (folder / "a.csv").write_text("a\n")
    (folder / ".hidden").write_text("hidden")
    (folder / "out").symlink_to(tmp_path)
    with server(folder, 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running.server_port
        running.shutdown()
        thread.join()


def ask(port: int, path: str, method: str = "GET", host: str = "") -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers; the path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{port}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, dict(answer.getheaders())


def test_the_page_and_the_files_next_to_it(port: int) -> None:
    status, body, headers = ask(port, "/")
    assert (status, body, headers["Content-Type"]) == (200, b"<p>the page</p>", "text/html")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert ask(port, "/a.csv")[:2] == (200, b"a\n")


def test_head_has_no_body(port: int) -> None:
    status, body, headers = ask(port, "/index.html", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "15")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//secret.txt",
        "/out/secret.txt",
        "/.hidden",
        "/runs/",
        "/runs",
        "/nothing",
        "/%00",
    ],
)
def test_nothing_outside_hidden_or_listed(port: int, path: str) -> None:
    assert ask(port, path)[0] == 404


def test_another_host_name_is_refused(port: int) -> None:
    """A page elsewhere whose name was pointed at this machine must not read the files."""
    assert ask(port, "/", host="example.org")[0] == 403
    assert ask(port, "/", host=f"localhost:{port}")[0] == 200


def test_only_reading_is_served(port: int) -> None:
    assert ask(port, "/index.html", "POST")[0] == 501


def test_it_listens_on_the_loopback_address_only(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("x")
    with server(tmp_path, 0) as running:
        assert running.server_address[0] == "127.0.0.1"


def test_a_folder_without_a_page_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DataNotAvailable, match="proxybench leaderboard build"):
        server(tmp_path, 0)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("x")
    taken = "cannot listen on port {}"
    with server(tmp_path, 0) as running, pytest.raises(ProxybenchError, match=taken.format(running.server_port)):
        server(tmp_path, running.server_port)
