"""Running the jobs of a store, whichever it is."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest
from trial_stores import Trial

from proxybench.jobs import worker_pool
from proxybench.jobs.run import run_here
from proxybench.jobs.store import WorkerFailed


def test_one_worker_and_three_give_the_same_results(trial: Callable[..., Trial]) -> None:
    jobs = trial(30)
    seen: list[int] = []
    jobs.run(3, seen.append)
    assert jobs.starts() == list(range(30))
    assert seen[-1] == 30
    assert jobs.results() == jobs.uninterrupted()


def test_what_is_done_is_not_done_again(trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = trial(5)
    jobs.run()
    monkeypatch.setattr(worker_pool, "ChildProcess", None)  # no process is started
    jobs.run()
    run_here(jobs.store())
    assert jobs.starts() == list(range(5))


def test_no_process_and_no_file_is_left(trial: Callable[..., Trial]) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    jobs = trial(6, harm={2: "leave_thread", 4: "leave_process"})
    jobs.run(2)
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    left_behind = [int(pid) for pid in jobs.pids.read_text().split()]
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in left_behind)
    assert jobs.leftovers() == []


def test_an_error_of_the_callback_stops_the_run_after_its_job(trial: Callable[..., Trial]) -> None:
    def refuse(done: int) -> None:
        if done:
            raise RuntimeError("no more")

    jobs = trial(5)
    with pytest.raises(RuntimeError, match="no more"):
        jobs.run(on_done=refuse)
    assert jobs.done() == 1
    assert not jobs.claims.exists()
    jobs.run()
    assert jobs.starts()[0] == 0
    assert jobs.done() == 5


def test_a_function_that_cannot_be_loaded_is_an_error(trial: Callable[..., Trial]) -> None:
    jobs = trial(3, broken=True)
    with pytest.raises(WorkerFailed, match=r"cannot load .*(absent|not on this machine)"):
        jobs.run()
    assert jobs.done() == 0


def test_an_error_of_a_job_in_this_process_propagates_and_releases_it(trial: Callable[..., Trial]) -> None:
    jobs = trial(5, harm={3: "raise"})
    with pytest.raises(ZeroDivisionError, match="the scores are all equal"):
        run_here(jobs.store())
    assert jobs.done() == 3
    assert not jobs.claims.exists()


def test_a_job_that_another_run_has_claimed_is_not_handed_out(trial: Callable[..., Trial]) -> None:
    jobs = trial(2)
    with jobs.store() as one, jobs.store() as other:
        first = one.take()
        second = other.take()
        assert first is not None
        assert second is not None
        assert first.name != second.name
        assert one.take() is None
        assert other.take() is None
        one.give_back(first)
        again = other.take()
        assert again is not None
        assert again.name == first.name
