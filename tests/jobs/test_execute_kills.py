"""Runs that are killed, interrupted, or two at a time into one journal: nothing is lost and nothing is done twice."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from trial_jobs import RUN, execute, harmful, start, work

from proxybench.jobs.journal import Journal
from proxybench.records import Record, comparable, read_records

SOON_S = 30.0


@contextmanager
def started(*arguments: object, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, that does not outlive the test."""
    with start(*arguments, **options) as process:  # type: ignore[arg-type]
        try:
            yield process
        finally:
            process.kill()


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def survivors(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run after a while; a zombie does not run."""
    alive = processes
    end = time.monotonic() + SOON_S
    while alive and time.monotonic() < end:
        time.sleep(0.02)
        alive = [process for process in alive if _runs(process)]
    return alive


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_lines(path: Path, count: int) -> None:
    wait_until(lambda: lines(path) >= count)


def uninterrupted(folder: Path, count: int) -> list[Record]:
    path = folder / "uninterrupted.jsonl"
    execute(work(count, seconds=0), RUN, Journal(path), jobs=2)
    return [comparable(record) for record in read_records([path])]


@pytest.mark.parametrize(("kills", "count"), [(5, 120), pytest.param(20, 400, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_again_and_again_gives_the_records_of_one_that_was_not(
    tmp_path: Path, kills: int, count: int
):
    path, moments, jobs = tmp_path / "trial.jsonl", random.Random(0), work(count, seconds=0.03)
    for _ in range(kills):
        with started(jobs, path) as process:
            # While it starts, or after up to twelve records.
            wait_for_lines(path, lines(path) + moments.randint(0, 12))
            time.sleep(moments.uniform(0, 0.1))
            workers = descendants(process)
            assert process.poll() is None
            process.kill()
            process.wait()
        assert survivors(workers) == []
    assert 0 < lines(path) < count
    with started(jobs, path) as process:
        assert process.wait(100) == 0
    assert [comparable(record) for record in read_records([path])] == uninterrupted(tmp_path, count)


def test_a_run_killed_while_it_records_goes_on(tmp_path: Path):
    """The journal as a writer leaves it that dies in the middle of a write."""
    path = tmp_path / "trial.jsonl"
    execute(work(10, 0), RUN, Journal(path))
    path.write_bytes(path.read_bytes()[:-200])
    with started(work(10, 0), path) as process:
        assert process.wait(30) == 0
    assert [comparable(record) for record in read_records([path])] == uninterrupted(tmp_path, 10)


def test_two_runs_at_once_do_every_job_once(tmp_path: Path):
    path, log = tmp_path / "trial.jsonl", tmp_path / "log"
    jobs = work(60, 0.03, log)
    with started(jobs, path) as one, started(jobs, path) as other:
        assert (one.wait(60), other.wait(60)) == (0, 0)
    assert sorted(map(int, log.read_text().split())) == list(range(60))
    assert [comparable(record) for record in read_records([path])] == uninterrupted(tmp_path, 60)


def test_a_run_takes_over_the_jobs_of_one_that_was_killed(tmp_path: Path):
    path, log = tmp_path / "trial.jsonl", tmp_path / "log"
    jobs = work(40, 0.1, log)
    with started(jobs, path) as killed, started(jobs, path) as other:
        wait_for_lines(path, 8)
        killed.kill()
        assert other.wait(60) == 0
    assert [comparable(record) for record in read_records([path])] == uninterrupted(tmp_path, 40)
    again = [repeat for repeat, times in Counter(log.read_text().split()).items() if times > 1]
    assert len(again) <= 2  # what the two workers of the killed run had in hand


def test_an_interrupt_ends_a_run_soon_and_keeps_what_is_done(tmp_path: Path):
    path = tmp_path / "trial.jsonl"
    jobs = [*work(20, 0.02), harmful("sleep"), harmful("spin_without_releasing")]
    with started(jobs, path) as process:
        wait_for_lines(path, 20)
        workers = descendants(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON_S) != 0
        assert process.stderr.read().rstrip().endswith("KeyboardInterrupt")  # type: ignore[union-attr]
    assert survivors(workers) == []
    assert [comparable(record) for record in read_records([path])] == uninterrupted(tmp_path, 20)
    assert not path.with_name("trial.jsonl.claims").exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_their_parent_whatever_they_do(tmp_path: Path, how: signal.Signals):
    pids = tmp_path / "pids"
    jobs = [harmful("leave_process", pids=str(pids), seconds=60), harmful("spin_without_releasing")]
    with started(jobs, tmp_path / "trial.jsonl") as process:
        wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2 and len(descendants(process)) == 4)
        workers = descendants(process)  # the guard, two workers, and the child of one of them
        process.send_signal(how)
        process.wait(SOON_S)
        assert survivors(workers) == []
