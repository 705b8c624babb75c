"""One look at the network before many downloads."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxybench.tables.sources.download import obtain_all
from proxybench.tables.sources.reach import no_network
from proxybench.tables.sources.registry import SourceFile

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def closed() -> Iterator[str]:
    """An address on this machine where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def listening() -> Iterator[str]:
    """An address on this machine that accepts connections."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_one_open_address_is_enough(closed: str, listening: str) -> None:
    assert no_network([f"{closed}/a", f"{listening}/b"]) == ""


def test_all_closed(closed: str) -> None:
    assert no_network([f"{closed}/a", f"{closed}/b"]) == "no network: 127.0.0.1 cannot be reached"


def test_nothing_to_reach_is_no_failure() -> None:
    assert no_network([]) == ""


def test_a_proxy_server_is_not_second_guessed(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert no_network([f"{closed}/a"]) == ""


def test_files_without_a_network_fail_at_once_and_alike(
    closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXYBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PROXYBENCH_OFFLINE", raising=False)
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "here.txt").write_bytes(b"abc")
    monkeypatch.setenv("PROXYBENCH_MIRROR", str(mirror))
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    files = {
        name: SourceFile(urls=(f"{closed}/{name}",), path=f"{name}.txt", sha256=abc, bytes=3, licence="MIT")
        for name in ("here", "one", "two")
    }
    paths, failures = obtain_all(files)
    assert set(paths) == {"here"}
    assert {str(error) for error in failures.values()} == {
        "no network: 127.0.0.1 cannot be reached; check the connection and run it again, or name a folder that holds "
        "this path in PROXYBENCH_MIRROR"
    }
