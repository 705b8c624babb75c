"""A table that comes with the project, from an installed copy with no network and no cache to ranks and records."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import predictors
from proxybench.evaluation.entrants import find_entrant
from proxybench.evaluation.tasks import Target, Task
from proxybench.records import Record, read_records
from proxybench.scores.shipped import shipped_scores
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.shipped import ShippedTable
from proxybench.tables.sources.registry import parse_registry

ROOT = Path(__file__).resolve().parents[2]
SIZE = 40
REGISTRY = """
[shipped]
mine = "tables/mine.parquet"

[benchmarks.mine]
space = "nasbench201"
title = "forty cells"
population = "Forty."
citation = "nobody"
datasets = "cifar10"
sources = [{ importer = "trained:read", files = ["mine"] }]
"""
TASK = """
[[tasks]]
name = "mine-{kind}"
suites = ["{suite}"]
benchmark = "mine"
dataset = "cifar10"
population = "forty cells"
size = 40
columns = "all"
target = {{ metric = "test_acc", epochs = 3 }}
version = 1
"""
LEARN = 'train_target = { metric = "val_acc", epochs = 3 }\nsizes = [10]\n'
TASKS = TASK.format(kind="test", suite="mine")
TASKS += TASK.format(kind="predict", suite="mine-predictors") + LEARN
TASKS += TASK.format(kind="curve", suite="mine-predictors") + LEARN + "curves = [1]\n"
SPY = """
import json
from pathlib import Path


class Spy:
    def fit(self, X, y):
        seen = {"columns": sorted(X.columns), "nodes": sorted(X.nodes), "trained": len(y)}
        with Path("seen.jsonl").open("a") as stream:
            stream.write(json.dumps(seen) + "\\\\n")
        return self

    def predict(self, X):
        return [float(len(arch)) for arch in X]
"""


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory, write_trained) -> Path:
    """A copy of the packages with a data folder of its own inside, as a wheel has it."""
    folder = tmp_path_factory.mktemp("install")
    for package in ("predictors", "proxybench"):
        shutil.copytree(ROOT / package, folder / package)
    data = folder / "proxybench" / "data"
    write_trained(data / "tables" / "mine.parquet", shipped_scores("nasbench201").archs[:SIZE])
    (data / "tables" / "nasbench201-proxies.parquet").symlink_to(
        ROOT / "data" / "tables" / "nasbench201-proxies.parquet"
    )
    (data / "cards").mkdir()
    (data / "cards" / "mine.md").write_text("# How they were trained\n")
    shutil.copy(ROOT / "data" / "network-counts.json", data)
    (data / "registry.toml").write_text(REGISTRY)
    (data / "tasks.toml").write_text(TASKS)
    return folder


@pytest.fixture
def call(install: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs the command line of the copy, offline; its cache folder cannot be made."""
    (tmp_path / "file").touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROXYBENCH")}
    environment |= {"PYTHONPATH": str(install), "PROXYBENCH_CACHE": str(tmp_path / "file" / "cache")}
    environment |= {"PROXYBENCH_OFFLINE": "1"}

    def run(*words: str) -> str:
        command = [sys.executable, *(words if words[0] == "-c" else ("-m", "proxybench.cli", *words))]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path).stdout

    return run


def records_of(folder: Path, suite: str) -> list[Record]:
    return read_records([folder / "board" / "runs" / f"{suite}.jsonl"])


def test_the_table_is_there_without_a_fetch(call) -> None:
    (info,) = json.loads(call("list", "--json"))
    assert (info["available"], info["shipped"], info["architectures"], info["bytes"]) == (True, True, SIZE, 0)
    program = (
        "import proxybench as pb; from proxybench.cli import doctor; "
        "from proxybench.tables.fetch import fetch, verify; "
        "print(fetch(['mine'])[0].outcome, verify()[0].state, doctor._tables()[0].detail, sep=';'); "
        "print(pb.load('mine').query(7, metric='test_acc', epochs=3)); print(pb.load('mine').card)"
    )
    states, value, *card = call("-c", program).splitlines()
    assert states == "shipped;ok;40 architectures, comes with the project"
    assert float(value) == pytest.approx(23.825)  # the mean of runs 0 and 1, after 3 epochs: 20 + .7 + {0, .25} + 3
    assert "## How they were trained" in card


def test_all_our_scores_are_ranked_on_it(call, tmp_path: Path) -> None:
    call("run", "--suite", "mine", "--folder", "board", "--jobs", "1")
    records = {record.method: record for record in records_of(tmp_path, "mine")}
    ours = {str(name).removeprefix("proxy:") for name in shipped_scores("nasbench201").scores}
    assert set(records) == {f"{name}@proxybench" for name in ours - {"params", "flops", "random"}} | {
        "params",
        "flops",
        "random",
    }
    assert {record.metrics["attempted"] for record in records.values()} == {SIZE}
    # Accuracies rise with the index, parameters too, FLOPs fall.
    assert (records["params"].metrics["kendall"], records["flops"].metrics["kendall"]) == (1.0, -1.0)
    assert {records[name].kind for name in ("snip@proxybench", "nwot@proxybench")} == {
        "training-free with labels",
        "training-free",
    }


def test_a_predictor_sees_our_scores_and_an_early_accuracy_only_where_the_task_gives_it(call, tmp_path: Path) -> None:
    (tmp_path / "spy.py").write_text(SPY.replace("\\\\", "\\"))
    methods = ("--method", "spy:Spy", "--method", "val_acc@1")
    call("run", "--suite", "mine-predictors", *methods, "--folder", "board", "--jobs", "1")
    plain, curve = (json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines())
    assert plain["trained"] == curve["trained"] == 10
    assert {"proxy:synflow@proxybench", "cost:params"} <= set(plain["columns"])
    assert all(name.startswith(("proxy:", "cost:")) for name in plain["columns"])
    assert "nodes:snip" in plain["nodes"]
    assert set(curve["columns"]) - set(plain["columns"]) == {"curve:val_acc@1"}
    early, none = [record for record in records_of(tmp_path, "mine-predictors") if record.method == "val_acc@1"]
    assert (none.task.name, none.outcome) == ("mine-predict", "unsupported")
    assert (early.kind, early.metrics["kendall"], early.n_train) == ("predictor", 1.0, 10)
    assert "told val_acc of all after 1 epochs" in early.task.split


def test_every_registered_predictor_takes_part_by_one_word(call) -> None:
    program = (
        "from proxybench.evaluation.plans import plan_suite; "
        "print(*sorted({spec.method for spec in plan_suite('mine-predictors', ['predictors']).specs}))"
    )
    assert call("-c", program).split() == sorted({*predictors.available(), "val_acc@1", "params", "flops", "random"})


def test_a_method_that_is_left_out_has_no_cell_and_a_wrong_name_is_an_error(call) -> None:
    program = (
        "from proxybench.evaluation.plans import plan_suite; "
        "from predictors.errors import UnknownName\n"
        "left = plan_suite('mine-predictors', ['predictors'], without=['auto', 'gbdt'])\n"
        "print(*{spec.method for spec in left.specs})\n"
        "try: plan_suite('mine-predictors', ['predictors'], without=['gbtd'])\n"
        "except UnknownName as error: print(error)"
    )
    methods, error = call("-c", program).splitlines()
    assert {"auto", "gbdt"}.isdisjoint(methods.split())
    assert {"ridge", "params"} <= set(methods.split())
    assert "Did you mean 'gbdt'?" in error


def test_a_predictor_whose_library_is_not_installed_is_unsupported_and_named(call) -> None:
    program = """
import predictors, proxybench as pb
from proxybench.errors import Unsupported
from proxybench.evaluation.evaluate import evaluate
from proxybench.evaluation.job_specs import specify
from proxybench.evaluation.tasks import load_tasks

predictors.PREDICTORS.register("heavy", "library_that_is_nowhere:Heavy")
try:
    evaluate(specify(load_tasks()["mine-predict"], pb.load("mine"), "heavy", 10))
except Unsupported as error:
    print(error)
"""
    assert call("-c", program) == "heavy needs library_that_is_nowhere, which is not installed\n"


def test_the_record_of_a_task_names_the_scores_that_its_methods_see(tmp_path: Path, write_trained) -> None:
    path = write_trained(tmp_path / "mine.parquet", shipped_scores("nasbench201").archs[:5])
    entry = parse_registry(REGISTRY, "test").benchmark("mine")
    bench = Benchmark(ShippedTable("mine", entry, {"mine": path}, tmp_path / "none.md"))
    task = Task("t", ("s",), "mine", "cifar10", "five", Target("test_acc", 3), 1)
    assert task.identity(bench).table == bench.recipe
    changed = msgspec.structs.replace(task, columns="all").identity(bench)
    assert changed.table != bench.recipe
    assert msgspec.structs.replace(changed, table=bench.recipe) == task.identity(bench)


def test_early_accuracies_are_no_knowledge_free_of_training() -> None:
    with pytest.raises(ValueError, match="curves need a training part"):
        Task("t", ("s",), "mine", "cifar10", "five", Target("test_acc", 3), 1, curves=(1,))
    learned = Target("val_acc", 3)
    with pytest.raises(ValueError, match="end before the target's epochs"):
        Task("t", ("s",), "mine", "cifar10", "five", Target("test_acc", 3), 1, train_target=learned, curves=(3,))
    assert find_entrant("val_acc@12").kind == "predictor"
