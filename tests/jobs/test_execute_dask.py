"""The same cells on a real Dask cluster of processes on this machine, some of which are killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import trial_cells
from dask_cluster import Cluster, two_workers
from trial_cells import RUN, harmful, work

from proxybench.errors import ProxybenchError
from proxybench.jobs import dask_execute
from proxybench.jobs.dask_execute import ClusterLost, execute_dask
from proxybench.jobs.execute import execute
from proxybench.jobs.journal import Journal
from proxybench.jobs.pool import WorkerFailed
from proxybench.records import Record, comparable, read_records

pytest.importorskip("distributed", reason="the extra nas-proxybench[dask] is not installed")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with two_workers(tmp_path / "cluster", Path(trial_cells.__file__).parent) as cluster:
        yield cluster


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "trial.jsonl")


def local(folder: Path, specs: list[trial_cells.CellSpec], timeout_s: float | None = None) -> list[Record]:
    path = folder / "local.jsonl"
    execute(specs, RUN, Journal(path), jobs=2, timeout_s=timeout_s)
    return [comparable(record) for record in read_records([path])]


def recorded(journal: Journal) -> list[Record]:
    return [comparable(record) for record in read_records([journal.path])]


def after(count: int, action: Callable[[], object]) -> Callable[[Record], None]:
    """Something to do once so many cells are recorded."""
    seen: list[Record] = []

    def on_record(record: Record) -> None:
        seen.append(record)
        if len(seen) == count:
            action()

    return on_record


def test_a_worker_killed_half_way_loses_nothing(cluster: Cluster, journal: Journal, tmp_path: Path):
    specs = [*work(40, 0.05), harmful("raise"), harmful("exit"), harmful("unsupported"), harmful("sleep")]
    children: list[psutil.Process] = []

    def kill() -> None:
        children.extend(psutil.Process(cluster.workers[0].pid).children(recursive=True))
        cluster.workers[0].kill()

    summary = execute_dask(specs, RUN, journal, cluster.address, timeout_s=2, on_record=after(20, kill))
    assert summary.recorded == 44
    assert recorded(journal) == local(tmp_path, specs, timeout_s=2)
    assert len(children) == 2  # the guard and the process of the cell
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_a_cell_runs_where_its_table_and_library_are(cluster: Cluster, journal: Journal):
    cluster.add_worker(TRIAL_TABLE="1")
    specs = [*work(6, 0.05), harmful("take_table"), harmful("take_library")]
    summary = execute_dask(specs, RUN, journal, cluster.address)
    assert (summary.recorded, summary.lacking, summary.refused) == (8, {}, {})
    taken = [record for record in read_records([journal.path]) if record.method.startswith("take")]
    assert [record.outcome for record in taken] == ["ok", "ok"]


def test_a_cell_whose_table_no_worker_has_is_not_recorded(cluster: Cluster, journal: Journal):
    summary = execute_dask([*work(3, 0), harmful("take_table")], RUN, journal, cluster.address)
    assert summary.lacking == {"table trial is not here; run: proxybench fetch trial": 1}
    assert {cell.method for cell in journal.cells()} == {"work"}


def test_a_worker_with_other_code_is_refused(cluster: Cluster, journal: Journal, tmp_path: Path):
    other = tmp_path / "other"
    for package in ("predictors", "proxybench"):
        shutil.copytree(ROOT / package, other / package, ignore=shutil.ignore_patterns("__pycache__"))
    (other / "data").symlink_to(ROOT / "data")
    with (other / "predictors" / "ranks.py").open("a") as stream:
        stream.write("# changed\n")
    cluster.add_worker(PYTHONPATH=os.pathsep.join([str(other), str(Path(trial_cells.__file__).parent)]))
    cluster.wait_for(3)
    summary = execute_dask(work(20, 0.05), RUN, journal, cluster.address)
    assert summary.recorded == 20
    assert list(summary.refused.values()) == ["its code of proxybench or its task list differs"]
    for worker in cluster.workers[:2]:
        worker.kill()
        worker.wait()
    with pytest.raises(ProxybenchError, match=r"no Dask worker can be used; tcp://.*: its code of proxybench"):
        execute_dask(work(22, 0), RUN, journal, cluster.address)


def test_a_scheduler_that_goes_away_is_an_error_and_the_next_run_finishes(
    cluster: Cluster, journal: Journal, tmp_path: Path
):
    specs = work(30, 0.05)
    with pytest.raises(ClusterLost, match="finished jobs are recorded, run the same command again"):
        execute_dask(specs, RUN, journal, cluster.address, on_record=after(10, cluster.scheduler.kill))
    done = len(journal.cells())
    assert 10 <= done < 30
    assert execute(specs, RUN, journal, jobs=2).skipped == done
    assert recorded(journal) == local(tmp_path, specs)


def test_a_function_that_the_workers_cannot_load_is_an_error(cluster: Cluster, journal: Journal):
    with pytest.raises(WorkerFailed, match="cannot load trial_cells:absent"):
        execute_dask(work(3), "trial_cells:absent", journal, cluster.address)
    assert journal.cells() == frozenset()


def test_a_cluster_without_workers_is_an_error(cluster: Cluster, journal: Journal):
    for worker in cluster.workers:
        worker.kill()
        worker.wait()
    with pytest.raises(ClusterLost, match="has had no workers for 1 s"):
        execute_dask(work(3), RUN, journal, cluster.address, no_workers_s=1)


def test_no_scheduler_at_the_address_is_an_error(journal: Journal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dask_execute, "CONNECT_S", 0.5)
    with pytest.raises(ClusterLost, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        execute_dask(work(3), RUN, journal, "tcp://127.0.0.1:9")


def test_nothing_to_do_needs_no_scheduler(journal: Journal):
    execute(work(3, 0), RUN, journal)
    assert execute_dask(work(3), RUN, journal, "tcp://127.0.0.1:9").skipped == 3
