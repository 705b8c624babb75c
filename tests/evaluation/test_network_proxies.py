"""Proxies of the user's own as methods: computed on the networks of a task, once, and ranked with the others."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import proxybench as pb
from proxybench.evaluation.network_proxies import NetworkSetting
from proxybench.evaluation.own_tasks import own_tasks
from proxybench.evaluation.population import target_values
from proxybench.grammar import parse_arguments

torch = pytest.importorskip("torch")

TASK = "few-test_acc"
SMALL = NetworkSetting("noise", 2, 4, parse_arguments("channels=2,cells=1"))
OWN = """
from pathlib import Path

from proxybench.proxies.base import proxy


@proxy("my_weights", source="mine", formula="number of weights", version=1)
def weights(probe):
    with Path("calls").open("a") as calls:
        calls.write("x")
    return sum(layer.weight.numel() for layer in probe.layers)


def score(batch):
    return batch.columns["cost:params"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_proxy.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PROXYBENCH_CACHE", str(tmp_path / "cache"))
    trained = pb.load("trained-nasbench201")
    rows = {"arch": trained.archs[:30], "test_acc": trained.values("test_acc", dataset="cifar10", epochs=3)[:30]}
    pb.table(pd.DataFrame(rows), arch="arch", targets="test_acc", space="nasbench201", name="few")
    return tmp_path


def test_a_proxy_is_computed_once_on_the_networks_and_ranked_with_scorers(home: Path) -> None:
    setting = {"benchmark": "few", "tasks": [TASK], "networks": SMALL, "jobs": 1, "progress": False}
    found = pb.evaluate(["own_proxy:weights", "own_proxy:score"], **setting).frame().set_index("method")
    assert found.loc["my_weights", "outcome"] == "ok", found.loc["my_weights", "message"]
    bench = pb.load("few")
    task = next(task for task in own_tasks(bench) if task.name == TASK)
    rows, truth = task.rows(bench), target_values(task, bench)
    networks = [bench.arch(int(row)) for row in rows]
    by_hand = [sum(weight.numel() for weight in _network(arch).parameters() if weight.dim() > 1) for arch in networks]
    assert found.loc["my_weights", "kendall"] == pytest.approx(pb.rank_metrics(truth, by_hand)["kendall"])
    calls = (home / "calls").read_text()
    assert len(calls) >= len({bench.digests[row] for row in rows})
    pb.evaluate("own_proxy:weights", **setting)
    assert (home / "calls").read_text() == calls


def _network(arch):
    return pb.get_space("nasbench201").build(arch, 10, (3, 4, 4), channels=2, cells=1)


def test_a_proxy_of_the_main_program_needs_no_file_of_its_code(home: Path) -> None:
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec(compile(OWN, "<dynamic-code>", "exec"), namespace)
    found = pb.evaluate(
        [namespace["weights"]], benchmark="few", tasks=[TASK], networks=SMALL, jobs=1, progress=False
    ).frame()
    assert found.set_index("method").loc["my_weights", "outcome"] == "ok"
