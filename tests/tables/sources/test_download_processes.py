"""Downloads by several processes at once, and by processes that are killed or interrupted in the middle."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from proxybench.tables.sources.download import obtain, verify_file
from proxybench.tables.sources.transfer import Patience

BODY = random.Random(0).randbytes(300_000)

FETCH = """
import json, sys, msgspec
from proxybench.tables.sources.download import obtain_all
from proxybench.tables.sources.registry import SourceFile
from proxybench.tables.sources.transfer import Patience
files = msgspec.json.decode(sys.argv[1], type=dict[str, SourceFile])
paths, failures = obtain_all(files, patience=Patience(read_s=30.0))
print(json.dumps({name: str(path) for name, path in paths.items()}))
sys.exit(len(failures))
"""


@pytest.fixture
def start(cache):
    """Start a process that fetches files into the cache of the test."""
    running = []

    def start(**files) -> subprocess.Popen:
        text = msgspec.json.encode(files).decode()
        process = subprocess.Popen([sys.executable, "-c", FETCH, text], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def wait_until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def arrived(path: Path) -> int:
    part = path.with_name(path.name + ".part")
    return part.stat().st_size if part.exists() else 0


def test_two_processes_share_one_download(server, reply, source_file, start):
    file = source_file(BODY, server.add("/data.bin", BODY, reply(piece=30_000, piece_s=0.05)))
    first, second = start(a=file), start(a=file)
    answers = [json.loads(process.communicate()[0]) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0)
    assert answers[0] == answers[1]
    assert Path(answers[0]["a"]).read_bytes() == BODY
    assert len(server.log) == 1


def test_a_killed_download_is_resumed_by_the_next_process(server, reply, source_file, start, cache):
    slow = reply(piece=16_384, piece_s=0.05)
    file = source_file(BODY, server.add("/data.bin", BODY, slow, reply()))
    path = cache / "raw" / file.path
    process = start(a=file)
    wait_until(lambda: arrived(path) > 50_000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    held = arrived(path)
    assert verify_file(file) == "absent"
    assert obtain(file).read_bytes() == BODY
    assert 50_000 < held < 300_000
    assert server.ranges("/data.bin") == [None, f"bytes={held}-"]


def test_a_process_that_waits_takes_over_when_the_other_is_killed(server, reply, source_file, start, cache):
    slow = reply(piece=16_384, piece_s=0.1)
    file = source_file(BODY, server.add("/data.bin", BODY, slow, reply()))
    path = cache / "raw" / file.path
    first = start(a=file)
    wait_until(lambda: arrived(path) > 0)
    second = start(a=file)
    wait_until(lambda: arrived(path) > 100_000)
    first.kill()
    output, _ = second.communicate(timeout=10)
    assert second.returncode == 0
    assert Path(json.loads(output)["a"]).read_bytes() == BODY
    assert server.ranges("/data.bin")[1].startswith("bytes=")


def test_an_interrupt_stops_at_once_and_leaves_parts(server, reply, source_file, start, cache):
    # Both servers go silent for longer than the test may take, well before the read timeout.
    silent = reply(piece=100_000, piece_s=20.0)
    files = {
        name: source_file(BODY, server.add(f"/{name}", BODY, silent, reply()), path=f"{name}.bin") for name in "ab"
    }
    process = start(**files)
    paths = [cache / "raw" / file.path for file in files.values()]
    wait_until(lambda: all(arrived(path) > 0 for path in paths))
    process.send_signal(signal.SIGINT)
    start_s = time.monotonic()
    _, error = process.communicate(timeout=10)
    assert time.monotonic() - start_s < 2.5
    assert b"KeyboardInterrupt" in error
    for name, file in files.items():
        assert obtain(file, patience=Patience(read_s=1.0)).read_bytes() == BODY
        assert server.ranges(f"/{name}")[1].startswith("bytes=")
