"""Replacing files: under temporary names that nobody can guess, without leftovers of killed processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proxybench.files import held, replace_file, replacing

WRITER = """
import sys, time
from pathlib import Path
from proxybench.files import replacing
with replacing(Path(sys.argv[1])) as stream:
    stream.write(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""
REPLACER = """
import sys
from pathlib import Path
from proxybench.files import replace_file
replace_file(Path(sys.argv[1]), b"new")
"""


def start_writing(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def replace_elsewhere(path: Path) -> None:
    subprocess.run([sys.executable, "-c", REPLACER, path], check=True)


def test_links_at_the_name_or_at_a_guessed_temporary_name_are_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    target = tmp_path / "runs.jsonl"
    for name in ("runs.jsonl", f".runs.jsonl.{os.getpid()}.tmp"):
        (tmp_path / name).symlink_to(precious)
    replace_file(target, b"new")
    assert precious.read_text() == "precious"
    assert target.read_bytes() == b"new"
    assert not target.is_symlink()


def test_several_threads_may_replace_one_file(tmp_path: Path) -> None:
    target = tmp_path / "file"
    contents = [bytes([number]) * 100_000 for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: replace_file(target, content), contents))
    assert target.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [target]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "file", b"x")
        with held(tmp_path / "lock"):
            pass
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("file", "lock")] == [0o640, 0o640]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_after_an_error_the_old_file_stays_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    target = replace_file(tmp_path / "file", b"old")

    def write_half() -> None:
        with replacing(target) as stream:
            stream.write(b"half")
            raise error

    with pytest.raises(error):
        write_half()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_left_goes_at_the_next_run_and_what_a_live_one_writes_stays(tmp_path: Path) -> None:
    killed, live = start_writing(tmp_path / "killed"), start_writing(tmp_path / "live")
    end(killed)
    assert len(list(tmp_path.glob(".*.tmp"))) == 2
    replace_elsewhere(tmp_path / "other")
    (left,) = tmp_path.glob(".*.tmp")
    assert left.name.startswith(".live.")
    end(live)
    replace_elsewhere(tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_only_files_of_ours_are_swept(tmp_path: Path) -> None:
    random = "0123456789abcdef"
    kept = [".notes.tmp", f".x.{random}.txt", f"x.{random}.tmp", ".x.77.tmp", f".x.{random[:8]}.tmp"]
    for name in kept:
        (tmp_path / name).write_text("kept")
    (tmp_path / f".folder.{random}.tmp").mkdir()
    (tmp_path / f".link.{random}.tmp").symlink_to(tmp_path / ".notes.tmp")
    os.mkfifo(tmp_path / f".fifo.{random}.tmp")
    (tmp_path / ".old.77.tmp").write_text("of an earlier version, a long time ago")
    os.utime(tmp_path / ".old.77.tmp", (0, 0))
    before = {path.name for path in tmp_path.iterdir()}
    replace_file(tmp_path / "new", b"x")
    assert {path.name for path in tmp_path.iterdir()} == before - {".old.77.tmp"} | {"new"}


def test_a_lock_is_refused_while_another_holds_it(tmp_path: Path) -> None:
    with held(tmp_path / "lock") as mine, held(tmp_path / "lock", wait=False) as other:
        assert (mine, other) == (True, False)
    with held(tmp_path / "lock", wait=False) as mine:
        assert mine
