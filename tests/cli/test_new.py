"""`proxybench new`: skeletons that keep their contract and can be ranked as they are; nothing is written over."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proxybench.cli.new import class_name

KINDS = {
    "proxy": ("my_proxy", "my_proxy:score", "networks"),
    "proxy --scorer": ("my_scorer", "my_scorer:score", "quick"),
    "predictor": ("my_learner", "my_learner:MyLearner", "quick-predictors"),
}
ONE_TASK = {"quick": "trained-nasbench201-test", "quick-predictors": "darts-swap-predict"}


def in_folder(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", KINDS)
def test_help_has_an_example(run, kind: str) -> None:
    answer = run("new", *kind.split(), "--help")
    assert answer.code == 0
    assert f"Example: proxybench new {kind.split()[0]}" in " ".join(answer.out.split())


def run_generated_tests(run, folder: Path, mode: str, *options: str) -> str:
    """What pytest prints of the generated tests of all kinds, started elsewhere than in their folders."""
    for kind, (name, _, _) in KINDS.items():
        assert run("new", *kind.split(), name, "--folder", str(folder / f"of_{name}")).code == 0
    tests = [f"of_{name}/test_{name}.py" for name, _, _ in KINDS.values()]
    script = [sys.executable, "-P", "-m", "pytest", "-W", "error", f"--import-mode={mode}", *options, *tests]
    done = subprocess.run(script, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_generated_tests_pass_from_anywhere(run, tmp_path: Path) -> None:
    assert "3 passed" in run_generated_tests(run, tmp_path, "prepend")


def test_the_generated_tests_find_their_module_in_the_other_import_mode(run, tmp_path: Path) -> None:
    assert "3 tests collected" in run_generated_tests(run, tmp_path, "importlib", "--collect-only")


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_that_follow_are_printed(run, tmp_path: Path, kind: str) -> None:
    name, method, suite = KINDS[kind]
    printed = run("new", *kind.split(), name, "--folder", str(tmp_path)).out
    assert f"cd {tmp_path}" in printed
    assert f"python -m pytest test_{name}.py" in printed
    assert f"proxybench run --suite {suite} --method {method}" in printed


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "proxy"])  # a thousand networks take minutes
def test_the_printed_commands_rank_it(
    run, tmp_path: Path, part_of_cache: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("PROXYBENCH_CACHE", str(part_of_cache("darts-swap")))
    name, method, suite = KINDS[kind]
    assert run("new", *kind.split(), name, "--folder", str(tmp_path)).code == 0
    command = ("run", "--suite", suite, "--method", method, "--task", ONE_TASK[suite], "--jobs", "1")
    done = in_folder(tmp_path, "proxybench.cli", *command)
    assert done.returncode == 0, done.stderr
    assert run("leaderboard", "build", "--folder", str(tmp_path / "leaderboard")).code == 0
    rows = csv.DictReader(io.StringIO((tmp_path / "leaderboard" / "leaderboard.csv").read_text()))
    assert name in {row["method"] for row in rows}


@pytest.mark.parametrize("there", ["mine.py", "test_mine.py"])
def test_an_existing_file_is_left_as_it_is(run, tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    answer = run("new", "proxy", "mine", "--folder", str(tmp_path))
    assert answer.code == 1
    assert answer.err == f"error: {tmp_path / there} already exists and was left unchanged\n"
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("class", "keyword"),
        ("a/b", "no path"),
        ("../a", "no path"),
        ("mine.py", "no .py"),
        ("2nd", "start with a letter"),
        ("", "start with a letter"),
        ("json", "would be hidden"),
        ("numpy", "would be hidden"),
        ("conftest", "would be hidden"),
        ("gbdt", "is a method of proxybench"),
        ("params", "is a method of proxybench"),
    ],
)
def test_a_name_that_cannot_be_a_module_of_the_user_is_refused(run, tmp_path: Path, name: str, message: str) -> None:
    answer = run("new", "predictor", name, "--folder", str(tmp_path))
    assert answer.code == 1
    assert message in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_one_line_of_error(run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = run("new", "proxy", "mine", "--folder", str(tmp_path / "file"))
    assert answer.code == 1
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(("name", "expected"), [("my_net", "MyNet"), ("x", "X"), ("MyNet", "MyNet"), ("a__b_", "AB")])
def test_class_names(name: str, expected: str) -> None:
    assert class_name(name) == expected
