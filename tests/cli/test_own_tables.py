"""Own tables as a user meets them: from a CSV file to a ranked page, without editing the package."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import proxybench as pb
from proxybench.evaluation.own_tasks import own_tasks
from proxybench.records import read_records

N = 300


@pytest.fixture
def folder(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def results(folder: Path) -> Path:
    """300 rows of trained-nasbench201 as a CSV file: 150 cells with two seeds each."""
    bench = pb.load("trained-nasbench201")
    parts = []
    for seed in ("0", "1"):
        parts.append(bench.frame(metrics=["val_acc", "test_acc"], epochs=3, seed=seed).iloc[: N // 2])
        parts[-1]["seed"] = seed
    rows = pd.concat(parts).reset_index()
    assert len(rows) == N
    rows.to_csv(folder / "results.csv", index=False)
    return folder / "results.csv"


IMPORT = ("--arch", "arch", "--seed", "seed", "--space", "nasbench201", "--target", "val_acc@3,test_acc@3")


def taus(path: Path) -> dict[tuple[str, str], float | None]:
    return {
        (one.task.name, one.method): one.metrics.get("kendall") for one in read_records([path]) if one.outcome == "ok"
    }


def test_from_rows_of_a_file_to_a_ranked_page(run, results: Path, folder: Path) -> None:
    answer = run("import", "csv", str(results), *IMPORT, "--name", "mine", "--json")
    assert answer.code == 0
    described = json.loads(answer.out)
    assert (described["name"], described["architectures"], described["space"]) == ("mine", 150, "nasbench201")
    assert "2 seeds; Kendall's tau between two of them is" in described["card"]

    listed = {one["name"]: one for one in json.loads(run("list", "--json").out)}
    assert (listed["mine"]["own"], listed["mine"]["available"]) == (True, True)
    arch = pd.read_csv(results).arch[0]
    value = json.loads(run("query", "mine", arch, "--metric", "test_acc", "--seed", "1", "--json").out)
    assert value["answers"][0]["value"] == pb.load("trained-nasbench201").query(
        arch, metric="test_acc", epochs=3, seed="1"
    )

    answer = run(
        "run",
        "--benchmark",
        "mine",
        "--method",
        "nwot@proxybench",
        "--method",
        "ridge",
        "--size",
        "50",
        "--jobs",
        "1",
        "--keep-scores",
    )
    assert answer.code == 0
    assert "proxybench leaderboard build --folder own-leaderboard" in answer.out
    records = folder / "own-leaderboard" / "runs" / "own-mine.jsonl"
    found = taus(records)
    assert {task for task, _ in found} == {"mine-val_acc", "mine-test_acc", "mine-predict"}
    assert ("mine-predict", "ridge") in found
    assert {one.task.table for one in read_records([records])} == {
        own_tasks(pb.load("mine"))[0].identity(pb.load("mine")).table
    }

    assert run("leaderboard", "build", "--folder", "own-leaderboard").code == 0
    page = (folder / "own-leaderboard" / "index.html").read_text()
    assert "mine-predict" in page
    assert run("leaderboard", "check", "--folder", "own-leaderboard").code == 0
    board = json.loads(
        run("leaderboard", "show", "--folder", "own-leaderboard", "--task", "mine-test_acc", "--json").out
    )
    assert {"nwot@proxybench", "random"} <= {row["method"] for row in board}

    searched = json.loads(run("search", "mine", "--searcher", "random", "--seeds", "2", "--budget", "5", "--json").out)
    assert [one["queries"] for one in searched] == [5, 5]
    assert run("verify").code == 0
    assert run("remove", "mine").code == 0
    assert run("query", "mine", "0").code == 1


def test_graphs_need_no_space(run, results: Path, folder: Path) -> None:
    space = pb.get_space("nasbench201")
    rows = pd.read_csv(results).iloc[: N // 2]
    archs = [space.parse(text) for text in rows.arch]
    rows["graph"] = [json.dumps({"ops": arch.ops, "edges": arch.edges}) for arch in archs]
    rows.drop(columns="arch").to_csv(folder / "graphs.csv", index=False)
    answer = run("import", "csv", "graphs.csv", "--graphs", "graph", "--target", "val_acc,test_acc", "--name", "drawn")
    assert answer.code == 0
    assert "No two architectures are isomorphic" in answer.out
    assert (
        run(
            "run", "--benchmark", "drawn", "--task", "drawn-predict", "--method", "gbdt", "--size", "50", "--jobs", "1"
        ).code
        == 0
    )
    assert taus(folder / "own-leaderboard" / "runs" / "own-drawn.jsonl")["drawn-predict", "gbdt"] > 0.3


def test_configurations_need_no_graphs(run, folder: Path) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "depth": rng.integers(1, 20, N),
            "lr": 10.0 ** rng.uniform(-4, -1, N),
            "optimiser": rng.choice(["adam", "sgd", "lion"], N),
            "norm": rng.choice([True, False], N),
        }
    )
    rows["acc"] = 0.4 + 0.02 * rows.depth + 0.1 * (rows.optimiser == "adam") + rng.normal(scale=0.01, size=N)
    rows.loc[3, "acc"] = None
    rows.to_csv(folder / "configs.csv", index=False)
    answer = run("import", "csv", "configs.csv", "--configs", "--target", "acc=test_acc@30", "--name", "tuned")
    assert answer.code == 0
    assert "read as fractions" in answer.out
    assert "left out of rankings, since they were not measured or a training failed: 1 of 300" in answer.out
    methods = [word for name in ("ridge", "gin", "parzc") for word in ("--method", name)]
    run("run", "--benchmark", "tuned", "--task", "tuned-predict", *methods, "--size", "100", "--jobs", "1")
    records = read_records([folder / "own-leaderboard" / "runs" / "own-tuned.jsonl"])
    outcomes = {one.method: (one.outcome, one.message) for one in records}
    assert outcomes["ridge"][0] == "ok"
    assert outcomes["gin"][0] == outcomes["parzc"][0] == "unsupported"
    assert "learns from graphs" in outcomes["gin"][1]
    assert taus(folder / "own-leaderboard" / "runs" / "own-tuned.jsonl")["tuned-predict", "ridge"] > 0.7
    found = run("search", "tuned", "--searcher", "guided(predictor=ridge)", "--seeds", "1", "--budget", "10", "--json")
    assert found.code == 0


def test_own_tasks_and_scores_computed_elsewhere(run, results: Path, folder: Path) -> None:
    run("import", "csv", str(results), *IMPORT, "--name", "mine")
    (folder / "mine.toml").write_text(
        '[[tasks]]\nname = "my-test"\nsuites = ["mine"]\nbenchmark = "mine"\ndataset = "data"\npopulation = "all"\n'
        'size = 150\ntarget = { metric = "test_acc", epochs = 3, seed = "mean" }\nversion = 1\n'
    )
    bench = pb.load("mine")
    pd.DataFrame({"arch": bench.archs, "mine": bench.values("val_acc")}).to_parquet(folder / "x.parquet")
    assert run("run", "--tasks", "mine.toml", "--scores", "x.parquet", "--jobs", "1").code == 0
    found = taus(folder / "own-leaderboard" / "runs" / "own-mine.jsonl")
    assert found["my-test", "mine"] > 0.5
    answer = run("run", "--tasks", "mine.toml", "--task", "my-tset")
    assert answer.code == 1
    assert "Did you mean 'my-test'" in answer.err
    answer = run("run", "--suite", "trained", "--folder", "own-leaderboard")
    assert answer.code == 1
    assert "would mix records of published tasks" in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--arch", "arhc", "--space", "nasbench201"), "Did you mean 'arch'"),
        (("--arch", "arch", "--space", "nasbench101"), "row 1, column 'arch'"),
        (("--arch", "arch"), "need their search space"),
        (("--arch", "arch", "--space", "no_module:Space"), "cannot load the search space"),
        (("--arch", "arch", "--space", "nasbench201"), "name the column of seeds"),
        ((), "in one way"),
    ],
)
def test_wrong_options_are_one_line(run, results: Path, words: tuple[str, ...], message: str) -> None:
    answer = run("import", "csv", str(results), *words, "--target", "val_acc", "--name", "mine")
    assert answer.code == 1
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_options_of_own_results_are_refused_for_official_files(run, folder: Path) -> None:
    assert run("import", "nds", "data.zip", "--name", "mine").code == 2
    assert run("import", "csv", "results.csv", "--target", "val_acc").code == 2
    assert run("import", "csv", "results.csv", "--configs", "--config", "a", "--name", "x", "--target", "y").code == 2
