"""Runs that are killed, interrupted, or two at a time on one store: nothing is lost and nothing is done twice."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest
from trial_stores import Trial

from proxybench.jobs.run import run_here

SOON_S = 30.0


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


def wait_for_done(trial: Trial, count: int) -> None:
    wait_until(lambda: trial.done() >= count)


@pytest.mark.parametrize(("kills", "count"), [(3, 80), pytest.param(20, 400, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_again_and_again_gives_the_results_of_one_that_was_not(
    trial: Callable[..., Trial], kills: int, count: int
) -> None:
    jobs, moments = trial(count, 0.03), random.Random(0)
    for _ in range(kills):
        with jobs.started() as process:
            # While it starts, or after up to twelve jobs.
            wait_for_done(jobs, jobs.done() + moments.randint(0, 12))
            time.sleep(moments.uniform(0, 0.1))
            workers = descendants(process)
            assert process.poll() is None
            process.kill()
            process.wait()
        assert survivors(workers) == []
    assert 0 < jobs.done() < count
    jobs.run(2)
    assert jobs.results() == jobs.uninterrupted()


def test_two_runs_at_once_do_every_job_once(trial: Callable[..., Trial]) -> None:
    jobs = trial(60, 0.03)
    with jobs.started() as one, jobs.started() as other:
        assert (one.wait(60), other.wait(60)) == (0, 0)
    assert jobs.starts() == list(range(60))
    jobs.run()
    assert jobs.results() == jobs.uninterrupted()


def test_a_run_takes_over_the_jobs_of_one_that_was_killed(trial: Callable[..., Trial]) -> None:
    jobs = trial(40, 0.1)
    with jobs.started() as killed, jobs.started() as other:
        wait_for_done(jobs, 8)
        killed.kill()
        assert other.wait(60) == 0
    again = [number for number, times in Counter(jobs.starts()).items() if times > 1]
    assert len(again) <= 2  # what the two workers of the killed run had in hand
    jobs.run()
    assert jobs.results() == jobs.uninterrupted()


def test_a_run_in_this_process_and_one_in_processes_share_the_jobs(trial: Callable[..., Trial]) -> None:
    jobs = trial(40, 0.03, failures=False)  # exceptions propagate from a run in this process
    with jobs.started() as other:
        wait_for_done(jobs, 2)
        run_here(jobs.store())
        assert other.wait(60) == 0
    assert jobs.done() == 40
    assert jobs.starts() == list(range(40))


def test_an_interrupt_ends_a_run_soon_and_keeps_what_is_done(trial: Callable[..., Trial]) -> None:
    jobs = trial(22, 0.02, {20: "sleep", 21: "spin_without_releasing"})
    with jobs.started() as process:
        wait_for_done(jobs, 20)
        workers = descendants(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON_S) != 0
        assert process.stderr.read().rstrip().endswith("KeyboardInterrupt")  # type: ignore[union-attr]
    assert survivors(workers) == []
    assert jobs.done() == 20
    assert not jobs.claims.exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_their_parent_whatever_they_do(trial: Callable[..., Trial], how: signal.Signals) -> None:
    jobs = trial(2, 60, {0: "leave_process", 1: "spin_without_releasing"})
    with jobs.started() as process:
        wait_until(
            lambda: jobs.pids.exists() and len(jobs.pids.read_text().split()) == 2 and len(descendants(process)) == 4
        )
        workers = descendants(process)  # the guard, two workers, and the child of one of them
        process.send_signal(how)
        process.wait(SOON_S)
        assert survivors(workers) == []
