"""The cache folder: where it is, that a file gets there whole or not at all, and what a disk that refuses says."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from proxybench.cache_folder import cache_dir
from proxybench.errors import FetchFailed
from proxybench.tables.sources.cache import atomic_path, explain_write_failure, raw_path
from proxybench.tables.sources.download import obtain

BODY = random.Random(0).randbytes(300_000)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 128 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_the_environment_names_the_cache(monkeypatch):
    monkeypatch.setenv("PROXYBENCH_CACHE", "~/here")
    assert cache_dir() == Path.home() / "here"


def test_without_it_the_cache_is_the_users_cache_folder(monkeypatch):
    monkeypatch.setenv("PROXYBENCH_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    if sys.platform.startswith("linux"):
        assert cache_dir() == Path("/nowhere/proxybench")
    assert cache_dir().name == "proxybench"


def test_asking_where_a_file_is_creates_nothing(cache, source_file):
    assert raw_path(source_file(b"x", path="a/b.bin")) == cache / "raw/a/b.bin"
    assert not cache.exists()


def test_atomic_path_creates_the_folder_and_the_file(tmp_path):
    with atomic_path(tmp_path / "new/file") as path:
        path.write_text("whole")
        assert path.parent == tmp_path / "new"
        assert not (tmp_path / "new/file").exists()
    assert [(entry.name, entry.read_text()) for entry in (tmp_path / "new").iterdir()] == [("file", "whole")]


def test_atomic_path_respects_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "file") as path:
            path.write_text("whole")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_after_an_error_the_old_file_stays_and_nothing_else(tmp_path, error):
    (tmp_path / "file").write_text("old")

    def write_half() -> None:
        with atomic_path(tmp_path / "file") as path:
            path.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("file", "old")]


def test_a_cache_below_a_file_says_what_to_do(tmp_path, monkeypatch, cache, source_file):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROXYBENCH_CACHE", str(tmp_path / "file/cache"))
    with pytest.raises(FetchFailed, match=r"file/cache/raw/some/source: Not a directory.*set PROXYBENCH_CACHE"):
        obtain(source_file(BODY))


def test_a_cache_that_is_a_file_says_what_to_do(cache, source_file):
    cache.write_text("")
    with pytest.raises(FetchFailed, match="set PROXYBENCH_CACHE"):
        obtain(source_file(BODY))


def test_a_read_only_cache_says_what_to_do(small_disk, monkeypatch, cache, source_file):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    monkeypatch.setenv("PROXYBENCH_CACHE", str(small_disk))
    with pytest.raises(FetchFailed, match="Read-only file system; make it writable"):
        obtain(source_file(BODY))


def test_a_read_only_cache_serves_what_it_holds(small_disk, monkeypatch, cache, source_file):
    body = BODY[:1000]
    monkeypatch.setenv("PROXYBENCH_CACHE", str(small_disk))
    file = source_file(body)
    raw_path(file).parent.mkdir(parents=True)
    raw_path(file).write_bytes(body)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert obtain(file).read_bytes() == body


def test_a_disk_that_fills_during_a_download_says_so_and_keeps_the_part(
    small_disk, monkeypatch, cache, source_file, server
):
    monkeypatch.setenv("PROXYBENCH_CACHE", str(small_disk))
    file = source_file(BODY, server.add("/data.bin", BODY), server.add("/other", BODY))
    with pytest.raises(FetchFailed, match="No space left on device; free some space"):
        obtain(file)
    assert len(server.log) == 1  # another address would not help
    assert raw_path(file).with_name("data.bin.part").stat().st_size > 50_000
    subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
    assert obtain(file).read_bytes() == BODY
    assert server.log[1][1].startswith("bytes=")


def test_a_disk_that_fills_during_a_copy_says_so_and_is_left_empty(
    small_disk, monkeypatch, cache, source_file, tmp_path
):
    (tmp_path / "data.bin").write_bytes(BODY)
    monkeypatch.setenv("PROXYBENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("PROXYBENCH_CACHE", str(small_disk))
    with pytest.raises(FetchFailed, match="No space left on device"):
        obtain(source_file(BODY, path="data.bin"))
    assert [path.name for path in (small_disk / "raw").iterdir()] == ["data.bin.lock"]


def test_errors_about_other_files_are_left_alone(tmp_path):
    def read_elsewhere() -> None:
        with explain_write_failure(tmp_path / "folder"):
            raise PermissionError(13, "Permission denied", str(tmp_path / "other"))

    with pytest.raises(PermissionError):
        read_elsewhere()
