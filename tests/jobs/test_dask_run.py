"""The jobs of both stores on a real Dask cluster of processes on this machine, some of which are killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import trial_jobs
from dask_cluster import Cluster, two_workers
from trial_jobs import RUN, execute, harmful, work
from trial_stores import ShardTrial, Trial

from proxybench.errors import ProxybenchError
from proxybench.jobs import dask_run
from proxybench.jobs.dask_run import ClusterLost, run_on_cluster
from proxybench.jobs.journal import Journal
from proxybench.jobs.journal_store import JournalStore
from proxybench.jobs.store import WorkerFailed
from proxybench.records import comparable, read_records

distributed = pytest.importorskip("distributed", reason="the extra proxybench[dask] is not installed")

ROOT = Path(__file__).resolve().parents[2]
Make = Callable[..., Trial]
MODULES = Path(trial_jobs.__file__).parent


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that the test may harm."""
    with two_workers(tmp_path / "cluster", MODULES) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster, which takes seconds to start, for the tests that leave its processes as they are, the last ones."""
    with two_workers(tmp_path_factory.mktemp("shared") / "cluster", MODULES) as cluster:
        yield cluster


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "trial.jsonl")


def after(count: int, action: Callable[[], object]) -> Callable[[int], None]:
    """Something to do once so many jobs are done."""
    left = [action]

    def on_done(done: int) -> None:
        if done >= count and left:
            left.pop()()

    return on_done


def test_a_worker_killed_half_way_loses_nothing(cluster: Cluster, trial: Make) -> None:
    jobs = trial(40, 0.05)
    children: list[psutil.Process] = []

    def kill() -> None:
        children.extend(psutil.Process(cluster.workers[0].pid).children(recursive=True))
        cluster.workers[0].kill()

    run_on_cluster(jobs.store(after(10, kill)), cluster.address)
    assert cluster.workers[0].wait(10) != 0
    assert jobs.results() == jobs.uninterrupted()
    assert set(jobs.starts()) == set(range(40))
    assert jobs.leftovers() == []
    assert len(children) == 2  # the guard and the process of the job
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_a_scheduler_that_goes_away_is_an_error_and_the_next_run_finishes(cluster: Cluster, trial: Make) -> None:
    jobs = trial(30, 0.05)
    with pytest.raises(ClusterLost, match="finished jobs are recorded, run the same command again"):
        run_on_cluster(jobs.store(after(10, cluster.scheduler.kill)), cluster.address)
    assert 10 <= jobs.done() < 30
    assert not jobs.claims.exists()
    jobs.run(2)
    assert jobs.results() == jobs.uninterrupted()


def test_a_worker_with_other_code_is_refused(cluster: Cluster, trial: Make, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for package in ("predictors", "proxybench"):
        shutil.copytree(ROOT / package, other / package, ignore=shutil.ignore_patterns("__pycache__"))
    (other / "data").symlink_to(ROOT / "data")
    with (other / "predictors" / "ranks.py").open("a") as stream:
        stream.write("# changed\n")
    cluster.add_worker(PYTHONPATH=os.pathsep.join([str(other), str(MODULES)]))
    cluster.wait_for(3)
    jobs = trial(20, 0.05)
    store = jobs.store()
    run_on_cluster(store, cluster.address)
    assert jobs.done() == 20
    if isinstance(store, JournalStore):
        assert list(store.summary.refused.values()) == ["its code of proxybench or its task list differs"]
    for worker in cluster.workers[:2]:
        worker.kill()
        worker.wait()
    jobs = type(jobs)(tmp_path / "more", 2)
    with pytest.raises(ProxybenchError, match=r"no Dask worker can be used; tcp://.*: its code of proxybench"):
        run_on_cluster(jobs.store(), cluster.address)


def test_a_cluster_without_workers_is_an_error(trial: Make) -> None:
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(ClusterLost, match="has had no workers for 0 s; start some"),
    ):
        run_on_cluster(trial(3).store(), empty.scheduler_address, no_workers_s=0.2)


def test_no_scheduler_at_the_address_is_an_error(trial: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_run, "CONNECT_S", 0.5)
    with pytest.raises(ClusterLost, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run_on_cluster(trial(3).store(), "tcp://127.0.0.1:9")


def test_nothing_to_do_needs_no_scheduler(trial: Make) -> None:
    jobs = trial(3)
    jobs.run()
    run_on_cluster(jobs.store(), "tcp://127.0.0.1:9")
    assert jobs.starts() == [0, 1, 2]


def test_a_job_runs_where_its_table_and_library_are(cluster: Cluster, journal: Journal) -> None:
    cluster.add_worker(TRIAL_TABLE="1")
    store = JournalStore([*work(6, 0.05), harmful("take_table"), harmful("take_library")], RUN, journal)
    run_on_cluster(store, cluster.address)
    assert (store.summary.recorded, store.summary.lacking, store.summary.refused) == (8, {}, {})
    taken = [record for record in read_records([journal.path]) if record.method.startswith("take")]
    assert [record.outcome for record in taken] == ["ok", "ok"]


def test_a_chunk_runs_where_its_table_is_and_fails_where_nobody_has_it(cluster: Cluster, tmp_path: Path) -> None:
    jobs = ShardTrial(tmp_path / "trial", 4, harm={1: "take_table"})
    with pytest.raises(WorkerFailed, match=r"chunk 1 of .* failed: table trial is not here"):
        run_on_cluster(jobs.store(), cluster.address)
    cluster.add_worker(TRIAL_TABLE="1")
    cluster.wait_for(3)
    run_on_cluster(jobs.store(), cluster.address)
    assert jobs.results() == [0, 7, 14, 21]


def test_a_run_on_a_cluster_and_one_here_share_the_jobs(shared_cluster: Cluster, trial: Make) -> None:
    jobs = trial(40, 0.05)
    with jobs.started(1) as other:
        run_on_cluster(jobs.store(), shared_cluster.address)
        assert other.wait(60) == 0
    assert jobs.starts() == list(range(40))
    assert jobs.results() == jobs.uninterrupted()


def test_a_function_that_the_workers_cannot_load_is_an_error_and_the_cluster_lives(
    shared_cluster: Cluster, trial: Make, tmp_path: Path
) -> None:
    jobs = trial(3, broken=True)
    with pytest.raises(WorkerFailed, match=r"cannot load .*(absent|not on this machine)"):
        run_on_cluster(jobs.store(), shared_cluster.address)
    assert jobs.done() == 0
    assert not jobs.claims.exists()
    whole = type(jobs)(tmp_path / "whole", 3)
    run_on_cluster(whole.store(), shared_cluster.address)
    assert whole.done() == 3


def test_outcomes_are_those_of_a_run_here(shared_cluster: Cluster, journal: Journal, tmp_path: Path) -> None:
    specs = [*work(8, 0), harmful("raise"), harmful("exit"), harmful("unsupported"), harmful("sleep")]
    store = JournalStore(specs, RUN, journal)
    run_on_cluster(store, shared_cluster.address, timeout_s=2)
    assert store.summary.recorded == 12
    here = Journal(tmp_path / "here.jsonl")
    execute(specs, RUN, here, jobs=2, timeout_s=2)
    there_and_here = [map(comparable, read_records([one.path])) for one in (journal, here)]
    assert list(there_and_here[0]) == list(there_and_here[1])


def test_a_job_whose_table_no_worker_has_is_not_recorded(shared_cluster: Cluster, journal: Journal) -> None:
    store = JournalStore([*work(3, 0), harmful("take_table")], RUN, journal)
    run_on_cluster(store, shared_cluster.address)
    assert store.summary.lacking == {"table trial is not here; run: proxybench fetch trial": 1}
    assert {key.method for key in journal.recorded()} == {"work"}
