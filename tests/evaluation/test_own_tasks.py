"""Tasks of own tables, tasks files, and scores computed elsewhere."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

import proxybench as pb
from proxybench.errors import CorruptData, DataNotAvailable, InvalidTable, ProxybenchError, UnknownName
from proxybench.evaluation.evaluate import evaluate
from proxybench.evaluation.job_specs import specify, specify_scores
from proxybench.evaluation.own_tasks import own_tasks
from proxybench.evaluation.plans import chosen_tasks, plan_tasks
from proxybench.evaluation.population import target_values
from proxybench.evaluation.score_files import score_columns, scores_of_file
from proxybench.evaluation.tasks import load_tasks, read_tasks

TASKS = """
[[tasks]]
name = "my-test"
suites = ["mine"]
benchmark = "mine"
dataset = "data"
population = "all of them"
target = { metric = "test_acc", epochs = 3, seed = "mean" }
version = 1
"""


@pytest.fixture
def frame(cache: Path) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"depth": rng.integers(1, 9, 60), "width": rng.normal(size=60)})
    frame["val_acc"] = 50 + 3 * frame.depth + frame.width
    frame["test_acc"] = frame.val_acc + rng.normal(size=60)
    frame["val_loss"] = 5 - frame.val_acc / 50
    return frame


@pytest.fixture
def bench(frame: pd.DataFrame):
    targets = ["val_acc@3", "test_acc@3", "val_loss@3"]
    return pb.table(frame, configs=["depth", "width"], targets=targets, name="mine")


def test_a_table_has_a_task_for_each_metric_and_one_for_predictors(bench) -> None:
    tasks = {task.name: task for task in own_tasks(bench)}
    assert sorted(tasks) == ["mine-predict", "mine-test_acc", "mine-val_acc", "mine-val_loss"]
    learned = tasks["mine-predict"]
    assert (learned.train_target.metric, learned.target.metric) == ("val_acc", "test_acc")
    assert (learned.sizes, learned.n_test, learned.size) == ((20,), 40, 60)
    assert {task.home for task in tasks.values()} == {"own-mine"}
    assert load_tasks()["nasbench201-cifar10-val"].home == "published"


def test_a_loss_is_ranked_with_smaller_values_first(bench, frame) -> None:
    task = next(task for task in own_tasks(bench) if task.name == "mine-val_loss")
    assert target_values(task, bench) == pytest.approx(-frame.val_loss.to_numpy())


def test_a_missing_target_leaves_the_architecture_out(frame) -> None:
    frame.loc[[3, 5], "test_acc"] = None
    frame.loc[7, "val_acc"] = None
    bench = pb.table(frame, configs=["depth", "width"], targets=["val_acc", "test_acc"], name="mine")
    tasks = {task.name: task for task in own_tasks(bench)}
    assert tasks["mine-test_acc"].size == 58
    assert tasks["mine-test_acc"].population == "the 58 of 60 architectures with a finite test_acc"
    assert tasks["mine-predict"].train_target.metric == "test_acc"  # val_acc is missing where test_acc is not
    assert {3, 5}.isdisjoint(tasks["mine-test_acc"].rows(bench).tolist())


def test_a_table_in_which_nothing_differs_has_no_tasks(cache: Path) -> None:
    bench = pb.table(pd.DataFrame({"x": [1, 2], "val_acc": [5.0, 5.0]}), configs=["x"], targets="val_acc")
    with pytest.raises(InvalidTable, match="nothing to rank by"):
        own_tasks(bench)


def test_few_architectures_have_no_task_for_predictors(cache: Path) -> None:
    def names(n: int) -> list[str]:
        frame = pd.DataFrame({"x": range(n), "val_acc": np.linspace(1, 99, n)})
        return [task.name.rpartition("-")[2] for task in own_tasks(pb.table(frame, configs=["x"], targets="val_acc"))]

    assert names(9) == ["val_acc"]
    assert names(10) == ["val_acc", "predict"]


def test_search_takes_the_benchmark(bench) -> None:
    found = pb.search(bench, "guided(predictor=ridge)", seeds=1, budget=8, progress=False)
    (record,) = found.records
    assert record.task.table == bench.recipe
    assert record.metrics["queries"] == 8


def test_a_job_carries_its_own_task(bench) -> None:
    task = next(task for task in own_tasks(bench) if task.name == "mine-predict")
    spec = specify(task, bench, "ridge", 20)
    record = evaluate(msgspec.json.decode(msgspec.json.encode(spec), type=type(spec)))
    assert record.outcome == "ok"
    assert record.metrics["kendall"] > 0.6
    assert record.task.table == bench.recipe
    assert (
        "task"
        not in specify(load_tasks()["trained-nasbench201-test"], pb.load("trained-nasbench201"), "params").payload
    )


def test_replaced_content_is_another_task(bench, frame) -> None:
    (spec,) = [specify(task, bench, "random") for task in own_tasks(bench) if task.name == "mine-val_acc"]
    evaluate(spec)
    pb.table(
        frame.assign(val_acc=frame.val_acc[::-1].to_numpy()),
        configs=["depth", "width"],
        targets="val_acc@3",
        name="mine",
        replace=True,
    )
    with pytest.raises(CorruptData, match="changed since the job was specified"):
        evaluate(spec)


@pytest.mark.usefixtures("bench")
def test_a_tasks_file_has_the_format_and_the_errors_of_this_project(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(DataNotAvailable, match=r"mine\.toml does not exist"):
        read_tasks(path)
    path.write_text(TASKS)
    assert [task.name for task in chosen_tasks(file=path)] == ["my-test"]
    with pytest.raises(UnknownName, match="Did you mean 'my-test'"):
        chosen_tasks(names=["my-tset"], file=path)
    with pytest.raises(UnknownName, match="unknown suite"):
        chosen_tasks("published", file=path)
    for content, message in [
        (TASKS + TASKS, "duplicate task name"),
        (TASKS.replace("version", "versoin"), "versoin"),
        (TASKS.replace("my-test", "nasbench201-cifar10-val"), "is the name of a task of this project"),
        ("[[tasks]", "mine.toml"),
        ("x" * 2**21, "more than the limit"),
    ]:
        path.write_text(content)
        with pytest.raises(CorruptData, match=message):
            read_tasks(path)


def test_evaluate_takes_a_benchmark_a_tasks_file_and_scores(bench, frame, tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    texts = bench.archs
    pd.DataFrame({"arch": texts, "good": frame.val_acc, "bad": -frame.val_acc}).to_csv(scores, index=False)
    (tmp_path / "mine.toml").write_text(TASKS)
    results = pb.evaluate(tasks=tmp_path / "mine.toml", scores=scores, jobs=1, progress=False)
    taus = {record.method: record.metrics.get("kendall") for record in results.records}
    assert taus["good"] == pytest.approx(-taus["bad"])
    assert taus["good"] > 0.7
    assert set(taus) == {"good", "bad", "params", "flops", "random"}
    results = pb.evaluate("ridge", benchmark=bench, tasks="mine-predict", jobs=1, folder=tmp_path / "f", progress=False)
    assert {record.task.name for record in results.records} == {"mine-predict"}
    assert [path.name for path in (tmp_path / "f" / "runs").glob("*.jsonl")] == ["own-mine.jsonl"]


def test_published_and_own_records_do_not_share_a_folder(bench, tmp_path: Path) -> None:
    pb.evaluate((), benchmark="mine", tasks=["mine-val_acc"], jobs=1, folder=tmp_path, progress=False)
    with pytest.raises(ProxybenchError, match="would mix records of published tasks"):
        pb.evaluate((), tasks=["trained-nasbench201-test"], jobs=1, folder=tmp_path, progress=False)


def test_scores_are_found_by_text_and_by_digest(bench, frame, tmp_path: Path) -> None:
    rows = np.arange(60)
    by_arch, by_digest = tmp_path / "a.parquet", tmp_path / "d.csv"
    some = frame.val_acc.where(frame.index != 4)
    pd.DataFrame({"arch": bench.archs, "mine": some}).iloc[:50].to_parquet(by_arch)
    pd.DataFrame({"digest": bench.digests, "mine": some}).iloc[:50].to_csv(by_digest, index=False)
    for path in (by_arch, by_digest):
        scores, attempted = scores_of_file(path, "mine", bench, rows)
        assert attempted.tolist() == [True] * 50 + [False] * 10
        assert np.isnan(scores[[4, 55]]).all()
        assert scores[3] == pytest.approx(frame.val_acc[3])


def test_of_a_sweep_only_its_proxies_are_scores(tmp_path: Path) -> None:
    path = tmp_path / "sweep.parquet"
    pd.DataFrame({"digest": ["a"], "proxy:synflow": [1.0], "seconds": [2.0]}).to_parquet(path)
    assert score_columns(path) == {"synflow": "proxy:synflow"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("mine\n1\n", "needs a column 'arch' of architecture texts or 'digest'; it has mine"),
        ("arch\nx\n", "has no column of scores"),
        ("arch,mine\nnonsense,1\n", "row 1, column 'arch'"),
        ("digest,mine\n,1\n", "row 1, column 'digest': the architecture is missing"),
        ("digest,=my score\nabc,1\n", "column '=my score' cannot name a method"),
        ("digest,mine\nabc,1\nabc,2\n", "row 2, column 'digest': the digest occurs twice"),
        ("digest,mine\nabc,good\n", "row 1, column 'mine': 'good' is not a number"),
        ("digest,mine\nabc,1\n", "has none of the architectures of mine"),
    ],
)
def test_wrong_scores_are_answered_with_row_and_column(bench, tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(content)
    with pytest.raises(InvalidTable, match=message):
        read_all(path, bench)


def read_all(path: Path, bench) -> None:
    for column in score_columns(path).values():
        scores_of_file(path, column, bench, np.arange(60))


def test_a_changed_file_of_scores_is_scored_again(bench, frame, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"

    def tau(values) -> float:
        pd.DataFrame({"arch": bench.archs, "mine": values}).to_csv(path, index=False)
        results = pb.evaluate(
            benchmark=bench, tasks="mine-val_acc", scores=path, jobs=1, folder=tmp_path / "f", progress=False
        )
        return next(record.metrics["kendall"] for record in results.records if record.method == "mine")

    assert tau(frame.val_acc) == 1.0
    assert tau(-frame.val_acc) == -1.0


def test_a_score_with_the_name_of_a_method_is_refused(bench, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    pd.DataFrame({"digest": bench.digests, "random": 1.0}).to_csv(path, index=False)
    with pytest.raises(ProxybenchError, match="are both ranked as 'random'; rename one"):
        plan_tasks(own_tasks(bench), (), scores=path)


def test_a_file_of_scores_that_changes_during_a_run_is_not_ranked(bench, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    pd.DataFrame({"digest": bench.digests, "mine": 1.0}).to_csv(path, index=False)
    task = next(task for task in own_tasks(bench) if task.name == "mine-val_acc")
    spec = specify_scores(task, bench, path, "mine", "mine")
    path.write_text("digest,mine\nabc,1\n")
    with pytest.raises(ProxybenchError, match="has changed since this run was planned"):
        evaluate(spec)
