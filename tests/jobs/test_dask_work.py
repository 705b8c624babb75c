"""The same work on a real Dask cluster, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trial_work
from dask_cluster import two_workers
from trial_work import logged, products, work

from proxybench.jobs import dask_work
from proxybench.jobs.dask_execute import ClusterLost
from proxybench.jobs.dask_work import do_on_cluster
from proxybench.jobs.folder import begin

distributed = pytest.importorskip("distributed", reason="the extra nas-proxybench[dask] is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    options = {"processes": False, "dashboard_address": "127.0.0.1:0", "memory_limit": 0}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, **options) as cluster:
        yield cluster


def test_a_cluster_does_each_item_once(cluster: Any, tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w", items=20))
    seen: list[int] = []
    do_on_cluster(begun, cluster.scheduler_address, seen.append)
    assert products(begun) == [7 * number for number in range(20)]
    assert logged(begun) == list(range(20))
    assert seen[-1] == 20


def test_an_error_of_the_work_is_raised_here(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not on this machine"):
        do_on_cluster(begin(work(tmp_path / "w", refuse=True)), cluster.scheduler_address)
    begun = begin(work(tmp_path / "v"))
    do_on_cluster(begun, cluster.scheduler_address)  # the claims were let go, and the cluster lives
    assert begun.done() == 10


def test_no_scheduler_at_the_address_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_work, "CONNECT_S", 0.5)
    with pytest.raises(ClusterLost, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        do_on_cluster(begin(work(tmp_path / "w")), "tcp://127.0.0.1:9")


def test_a_cluster_without_workers_is_an_error(tmp_path: Path) -> None:
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(ClusterLost, match="has had no workers for 0 s; start some"),
    ):
        do_on_cluster(begin(work(tmp_path / "w")), empty.scheduler_address, no_workers_s=0.2)


def test_a_worker_killed_half_way_loses_nothing(tmp_path: Path) -> None:
    begun = begin(work(tmp_path / "w", items=40, seconds=0.05))
    with two_workers(tmp_path / "cluster", Path(trial_work.__file__).parent) as cluster:

        def kill(done: int) -> None:
            if done >= 10 and cluster.workers[0].poll() is None:
                cluster.workers[0].kill()

        do_on_cluster(begun, cluster.address, kill)
        assert cluster.workers[0].wait(10) != 0
        assert cluster.workers[1].poll() is None
    assert products(begun) == [7 * number for number in range(40)]
    assert set(logged(begun)) == set(range(40))
