"""run and leaderboard as a user meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from proxybench.evaluation.plan_runs import run_plan
from proxybench.evaluation.plans import plan_suite
from proxybench.jobs.journal import Journal

OWN = """
import proxybench as pb

@pb.entrant("convolutions")
def score(batch):
    return [sum("conv" in op for op in arch.ops) for arch in batch]

def broken(batch):
    raise ZeroDivisionError("on purpose")
"""


SMALL = ("nasbench101-suite-zero", "darts-swap")  # 292 and 1,000 architectures
PREDICT = ("run", "--suite", "quick-predictors", "--folder", "board", "--jobs", "1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return tmp_path


@pytest.fixture
def small_tables(part_of_cache: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache with small tables alone."""
    monkeypatch.setenv("PROXYBENCH_CACHE", str(part_of_cache(*SMALL)))


@pytest.fixture(scope="module")
def evaluated(part_of_cache: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Journals of `mine:score` and of `mine:broken` on the three cells of quick-predictors, run once."""
    names, home = {"score": "convolutions", "broken": "broken"}, tmp_path_factory.mktemp("evaluated")
    journal = Journal(home / "both.jsonl")
    (home / "mine.py").write_text(OWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROXYBENCH_CACHE", str(part_of_cache(*SMALL)))
        patch.chdir(home)
        patch.syspath_prepend(str(home))
        patch.delitem(sys.modules, "mine", raising=False)
        run_plan(plan_suite("quick-predictors", [f"mine:{method}" for method in names]), journal)
    lines = [(json.loads(line)["method"], line) for line in journal.path.read_bytes().splitlines(keepends=True)]
    return {
        method: b"".join(line for ran, line in lines if ran == name or ran not in names.values())
        for method, name in names.items()
    }


@pytest.fixture
def recorded(evaluated: dict[str, bytes], small_tables: None, folder: Path) -> Callable[[str], list[str]]:
    """Writes the records of a method of `mine` to the board, as a run just before would have; their outcomes."""

    def record(method: str) -> list[str]:
        path = folder / "board/runs/predictors.jsonl"
        path.parent.mkdir(parents=True)
        path.write_bytes(evaluated[method])
        return [json.loads(line)["outcome"] for line in evaluated[method].splitlines()]

    return record


def test_a_proxy_of_the_user_is_ranked_against_the_field(run, small_tables: None, folder: Path) -> None:
    methods = ("--method", "columns", "--method", "mine:score")
    command = ("run", "--suite", "published", *methods, "--folder", "board", "--skip-absent", "--json")
    answer = json.loads(run(*command).out)
    outcomes = answer["outcomes"]
    assert set(outcomes) == {"ok"}
    assert json.loads(run(*command).out) == {
        "absent": answer["absent"],
        "outcomes": {},
        "skipped": sum(outcomes.values()),
    }
    assert run("leaderboard", "build", "--folder", "board").code == 0
    checked = run("leaderboard", "check", "--folder", "board")
    assert (checked.code, checked.out) == (0, "all files in board match its records\n")
    table = run("leaderboard", "show", "--folder", "board", "--task", "nasbench101-suite-zero-val").out
    methods = [line.split()[2] for line in table.splitlines()[1:]]
    assert {"convolutions", "l2_norm", "synflow", "params", "flops", "random"} <= set(methods)
    assert methods.index("convolutions") < methods.index("random")


def test_a_cell_that_fails_is_recorded_and_makes_the_exit_code_1(run, small_tables: None, folder: Path) -> None:
    answer = run("run", "--suite", "quick-predictors", "--method", "mine:broken", "--folder", "board")
    assert answer.code == 1
    assert "3 jobs failed" in answer.err
    records = [json.loads(line) for line in Path("board/runs/predictors.jsonl").read_text().splitlines()]
    failed = [record for record in records if record["outcome"] == "failed"]
    assert {record["method"] for record in failed} == {"broken"}
    assert "ZeroDivisionError: on purpose" in failed[0]["message"]


def test_redo_runs_recorded_cells_again(run, recorded) -> None:
    before = Counter(recorded("score"))
    answer = run(*PREDICT, "--method", "mine:score", "--redo", "--json")
    assert json.loads(answer.out) == {"absent": {}, "outcomes": before, "skipped": 0}
    assert answer.code == 0


@pytest.mark.parametrize("suite", [("--suite", "predictors"), ()])
def test_a_cell_recorded_under_one_suite_is_recorded_under_every_suite_of_its_task(suite, run, recorded) -> None:
    before = recorded("score")
    task = json.loads(Path("board/runs/predictors.jsonl").read_text().splitlines()[0])["task"]["name"]
    other = ("run", *suite, "--task", task, "--method", "mine:score", "--folder", "board", "--json")
    answer = run(*other)
    assert json.loads(answer.out) == {"absent": {}, "outcomes": {}, "skipped": len(before)}
    assert [path.name for path in Path("board/runs").glob("*.jsonl")] == ["predictors.jsonl"]


def test_redo_forgets_what_is_recorded_of_a_task_before_it_changed(run, recorded) -> None:
    recorded("score")
    path = Path("board/runs/predictors.jsonl")
    older = json.loads(path.read_text().splitlines()[0])
    older["n_train"] = 7  # a training size that the task no longer has
    older["task"]["size"] -= 1
    path.write_text(path.read_text() + json.dumps(older) + "\n")
    refused = run("leaderboard", "build", "--folder", "board")
    assert "recorded with two identities" in refused.err
    assert run(*PREDICT, "--method", "mine:score", "--redo").code == 0
    assert 7 not in {json.loads(line)["n_train"] for line in path.read_text().splitlines()}
    assert run("leaderboard", "build", "--folder", "board").code == 0


def test_a_method_that_cannot_be_loaded_is_one_line(run, real_tables: Path, folder: Path) -> None:
    answer = run("run", "--suite", "quick", "--method", "mine:scor", "--folder", "board")
    assert answer.code == 1
    assert "cannot load 'mine:scor'" in answer.err
    assert answer.err.count("\n") == 1


def test_absent_tables_fail_unless_they_may_be_skipped(run, cache: Path, folder: Path) -> None:
    command = ("run", "--suite", "quick", "--method", "random", "--jobs", "1", "--folder", "board")
    answer = run(*command)
    assert answer.code == 1
    assert "proxybench fetch nasbench201" in answer.err
    assert run(*command, "--skip-absent").code == 0


def test_check_names_the_file_that_was_changed(run, recorded) -> None:
    recorded("score")
    assert run("leaderboard", "build", "--folder", "board").code == 0
    Path("board/leaderboard.csv").write_text("mine is best\n")
    answer = run("leaderboard", "check", "--folder", "board")
    assert answer.code == 1
    assert "leaderboard.csv does not match the records" in answer.err


def test_serve_answers_with_the_page(run, recorded) -> None:
    recorded("score")
    assert run("leaderboard", "build", "--folder", "board").code == 0
    command = [sys.executable, "-u", "-m", "proxybench.cli", "leaderboard", "serve"]
    command += ["--folder", "board", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        with urllib.request.urlopen(address) as page:
            assert b"proxybench leaderboard" in page.read()
        process.terminate()


def test_a_changed_proxy_is_scored_again(run, recorded, folder: Path) -> None:
    before = recorded("score")
    command = (*PREDICT, "--method", "mine:score", "--json")
    assert json.loads(run(*command).out)["outcomes"] == {}
    (folder / "mine.py").write_text(OWN.replace('"conv" in op', '"pool" in op'))
    again = json.loads(run(*command).out)
    assert again["outcomes"] == {"ok": 3}
    assert len(before) == again["skipped"] + 3


def test_a_recorded_failure_keeps_the_exit_code_1_until_it_is_retried(run, recorded) -> None:
    assert recorded("broken").count("failed") == 3
    command = (*PREDICT, "--method", "mine:broken")
    assert run(*command).code == 1
    answer = run(*command, "--retry-failed", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["outcomes"] == {"failed": 3}


def test_a_misspelt_method_suggests_the_nearest(run, real_tables: Path, folder: Path) -> None:
    answer = run("run", "--suite", "quick", "--method", "synflo", "--folder", "board")
    assert answer.code == 1
    assert "unknown method 'synflo'. Did you mean 'synflow'?" in answer.err
    assert not (folder / "board/leaderboard.csv").exists()


def test_two_suites_that_share_tasks_live_in_one_folder(run, part_of_cache, folder: Path, monkeypatch) -> None:
    monkeypatch.setenv("PROXYBENCH_CACHE", str(part_of_cache("darts-swap", "darts-oncenas")))  # a task of both, and one
    for suite in ("quick-predictors", "predictors"):
        own = ("--method", "mine:score", "--skip-absent", "--jobs", "1")
        assert run("run", "--suite", suite, *own, "--folder", "board").code == 0
    assert run("leaderboard", "build", "--folder", "board").code == 0
    rows = json.loads(run("leaderboard", "show", "--folder", "board", "--task", "darts-swap-predict", "--json").out)
    assert Counter(row["method"] for row in rows) == dict.fromkeys(("convolutions", "flops", "params", "random"), 3)


def test_methods_are_compared_with_one_of_them(run, recorded) -> None:
    recorded("score")
    task = json.loads(Path("board/runs/predictors.jsonl").read_text().splitlines()[0])["task"]["name"]
    shown = ("leaderboard", "show", "--folder", "board", "--compare", "random")
    rows = json.loads(run(*shown, "--task", task, "--json").out)
    assert "convolutions" in {row["method"] for row in rows}
    assert {row["repeats"] for row in rows} == {1}
    assert "gain" in run(*shown, "--task", task).out
    assert "mann_whitney_p" in run(*shown, "--task", task, "--mann-whitney").out
    assert "add --task" in run(*shown).err
    assert "Did you mean 'random'" in run(*shown[:-1], "randm", "--task", task).err
    assert "use --compare random" in run(*shown[:-2], "--beside", "random", "--task", task).err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--method", "builtins:len"), "jobs failed"),
        (("--folder", "/etc/hostname"), "/etc/hostname"),
    ],
)
def test_odd_arguments_are_one_line(
    run, small_tables: None, folder: Path, words: tuple[str, ...], message: str
) -> None:
    answer = run(*PREDICT, "--method", "params", *words)
    assert answer.code == 1
    assert message in answer.err
    assert answer.err.count("\n") == 1
