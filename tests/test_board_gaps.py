"""What the leaderboard lacks, and why."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

import predictors
import proxybench as pb
from proxybench.board_gaps import Gap, find_gaps
from proxybench.cli.app import app
from proxybench.evaluation.entrants import find_entrant
from proxybench.evaluation.tasks import Task, load_tasks
from proxybench.records import Outcome, Record, TaskIdentity, write_records
from proxybench.scores.shipped import full_size_scores, shipped_scores

RANKED = load_tasks()["trained-nasbench201-test"]
LEARNED = load_tasks()["trained-nasbench201-predict"]
FETCHED = load_tasks()["nasbench-macro-test"]


def record(task: Task, method: str, outcome: Outcome = "ok", message: str = "", n_train: int = 0, **identity) -> Record:
    named = {"name": task.name, "version": task.version, "benchmark": task.benchmark, "dataset": task.dataset}
    named |= {"population": task.population, "size": 500, "split": task.split, "target": "", "table": ""}
    return Record(
        task=TaskIdentity(**{**named, **identity}),
        method=method,
        kind=find_entrant(method).kind,
        outcome=outcome,
        metrics={},
        message=message,
        n_train=n_train,
    )


def gaps_of(task: Task, *records: Record) -> dict[str, Gap]:
    return {gap.method: gap for gap in find_gaps([task], records).gaps}


def test_without_records_every_column_of_a_task_of_our_scores_is_not_run() -> None:
    found = find_gaps([RANKED], [])
    shipped = {str(name).removeprefix("proxy:") for name in shipped_scores("nasbench201").scores}
    controls = {"params", "flops", "random"}
    assert {gap.method for gap in found.gaps} == controls | {f"{name}@proxybench" for name in shipped - controls}
    assert {gap.reason for gap in found.gaps} == {"not run"}
    assert (found.total.due, found.total.filled, found.total.percent) == (len(found.gaps), 0, 0)


def test_every_proxy_is_due_at_full_size_and_what_lacks_scores_says_so(part_of_cache, monkeypatch) -> None:
    monkeypatch.setenv("PROXYBENCH_CACHE", str(part_of_cache("natsbench-size")))
    found = gaps_of(load_tasks()["natsbench-size-full-size"])
    assert set(pb.proxies.PROXIES) <= set(found)
    scores = full_size_scores("natsbench-size")
    assert scores is not None
    shipped = {str(name).removeprefix("proxy:") for name in scores.scores}
    lacking = {gap.method for gap in found.values() if gap.reason == "scores missing"}
    assert lacking == set(pb.proxies.PROXIES) - shipped
    lines = {found[name].detail for name in lacking}
    assert lines <= {"the full-size scores of natsbench-size that come with the project lack this proxy"}


def test_a_result_fills_a_gap_and_a_failure_says_what_it_was() -> None:
    whole = find_gaps([RANKED], []).total
    records = [record(RANKED, "zico@proxybench"), record(RANKED, "swap@proxybench", "failed", "ValueError: no")]
    found = find_gaps([RANKED], records)
    gaps = {gap.method: gap for gap in found.gaps}
    assert "zico@proxybench" not in gaps
    assert (gaps["swap@proxybench"].reason, gaps["swap@proxybench"].detail) == ("failed", "failed: ValueError: no")
    assert (found.total.due, found.total.filled, found.total.inapplicable) == (whole.due, 1, 0)


def test_what_is_recorded_as_not_supported_is_not_due() -> None:
    whole = find_gaps([RANKED], []).total
    found = find_gaps([RANKED], [record(RANKED, "params", "unsupported", "the table has no params")])
    assert "params" not in {gap.method for gap in found.gaps}
    assert (found.total.due, found.total.filled, found.total.inapplicable) == (whole.due - 1, 0, 1)


def test_a_predictor_is_due_at_every_training_size() -> None:
    assert LEARNED.sizes == (50, 200)
    found = gaps_of(
        LEARNED, record(LEARNED, "ridge", n_train=50), *(record(LEARNED, "gp", n_train=n) for n in (50, 200))
    )
    assert set(found) == set(predictors.available()) - {"gp"}
    assert (found["ridge"].reason, found["ridge"].detail) == ("not run", "n = 200")
    assert (found["mlp"].pool, found["mlp"].reason, found["mlp"].detail) == ("predictors", "not run", "")


def test_above_800_only_the_five_best_predictors_are_due() -> None:
    task = load_tasks()["nasbench-graph-cora-predict"]
    assert task.sizes == (50, 200, 1000)
    names = predictors.available()[:7]
    records = [
        msgspec.structs.replace(record(task, name, n_train=n), metrics={"kendall": number / 10 if n == 200 else 0.0})
        for number, name in enumerate(names)
        for n in (50, 200)
    ]
    found = gaps_of(task, *records)
    assert set(found) == set(predictors.available()) - set(names[:2])
    assert {found[name].detail for name in names[2:]} == {"n = 1000"}


def test_a_predictor_with_other_parameters_does_not_fill_the_gap() -> None:
    other = [msgspec.structs.replace(record(LEARNED, "gbdt", n_train=n), params={"columns": False}) for n in (50, 200)]
    assert gaps_of(LEARNED, *other)["gbdt"].reason == "not run"


def test_a_table_that_is_not_here_is_named_with_the_command_that_gets_it(cache: Path) -> None:
    found = gaps_of(FETCHED, record(FETCHED, "random"))
    assert set(found) == {"params", "flops"}
    assert found["params"].reason == "table missing"
    assert "proxybench fetch nasbench-macro" in found["params"].detail


def test_on_a_table_that_only_an_official_file_provides_nothing_is_due(cache: Path) -> None:
    found = find_gaps([load_tasks()["nds-enas-test"], load_tasks()["nds-enas-predict"]], [])
    assert (found.gaps, found.total.due, found.total.importable) == ((), 0, 3 + len(predictors.available()))


def test_a_record_of_another_version_is_stale() -> None:
    found = gaps_of(RANKED, record(RANKED, "random", version=RANKED.version + 1, population="others"))["random"]
    assert (found.reason, found.detail) == ("stale", f"recorded for version {RANKED.version + 1} on others")


def test_the_numbers_are_by_pool_and_in_total() -> None:
    found = find_gaps([RANKED, LEARNED], [record(RANKED, "random"), record(LEARNED, "gp", n_train=50)])
    free, learned = (next(one for one in found.pools if one.pool == name) for name in ("training-free", "predictors"))
    assert (free.filled, learned.filled) == (1, 0)
    assert learned.reasons == {"not run": len(predictors.available())}
    assert found.total.due == free.due + learned.due == free.filled + len(found.gaps)
    assert found.total.percent == pytest.approx(100 / found.total.due)


def test_the_command_exits_with_1_below_the_wanted_share(tmp_path: Path) -> None:
    write_records(tmp_path / "runs" / "trained.jsonl", [record(RANKED, "random")])

    def call(*words: str) -> tuple[int, str, str]:
        command = ["leaderboard", "gaps", "--folder", str(tmp_path), "--suite", "trained", *words]
        done = CliRunner().invoke(app, command)
        return done.exit_code, done.stdout, done.stderr

    code, out, _ = call("--json")
    answer = json.loads(out)
    assert code == 0
    total = answer["summary"][-1]
    assert (total["pool"], total["filled"], total["due"] - 1) == ("total", 1, len(answer["gaps"]))
    code, out, error = call("--fail-under", "95")
    assert code == 1
    assert "percent of the leaderboard is filled, less than 95" in error
    assert "trained-vit-micro-test" in out
    assert call("--fail-under", "0.1")[0] == 0
