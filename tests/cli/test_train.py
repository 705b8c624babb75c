"""train-table as a user meets it; killed in the middle, it goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from proxybench.training.table import read_table

SMALL = ("--split", "128,60,70", "--batch", "32", "--epochs", "2", "--seeds", "2")
TINY = ("train-table", "nasbench201", "--network", "channels=2,cells=1", *SMALL)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    program = "from proxybench.cli import main; main()"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (
        Path("log").open("ab") as log,
        subprocess.Popen([sys.executable, "-c", program, *words], stdout=log, stderr=log, env=environment) as process,
    ):
        yield process


def wait_for_shards(folder: str, shards: int) -> None:
    end = time.monotonic() + 60
    while len(list(Path(folder).glob("shards/*.parquet"))) < shards:
        assert time.monotonic() < end, Path("log").read_text()
        time.sleep(0.01)


def figures(path: str) -> pa.Table:
    return read_table(path).values.drop_columns(["train_s"])


def test_killed_and_started_again_it_gives_the_table_of_a_run_that_was_not(run) -> None:
    sweep = (*TINY, "--sample", "6")
    assert run(*sweep, "--output", "whole", "--table", "whole.parquet").code == 0
    with started(*sweep, "--output", "killed", "--jobs", "2") as process:
        wait_for_shards("killed", 2)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    before = {path.name: path.stat().st_mtime_ns for path in Path("killed/shards").glob("*.parquet")}
    assert 2 <= len(before) < 6
    answer = run(*sweep, "--output", "killed", "--table", "killed.parquet", "--json")
    assert answer.code == 0
    assert all(Path("killed/shards", name).stat().st_mtime_ns == moment for name, moment in before.items())
    assert figures("killed.parquet").equals(figures("whole.parquet"))
    summary = json.loads(answer.out)
    assert (summary["architectures"], summary["done"], summary["failed"], summary["rows"]) == (6, 6, 0, 30)
    assert summary["dataset"] == "digits"
    assert summary["recipe"]["budgets"] == [1, 2]
    assert summary["recipe"]["flip"] is False


def test_the_list_names_what_is_trained(run) -> None:
    listed = run(*TINY, "--sample", "2", "--list").out.splitlines()
    assert run(*TINY, "--sample", "2", "--table", "t.parquet", "--card", "t.md").code == 0
    trained = read_table("t.parquet").values.column("arch").to_pylist()
    assert list(dict.fromkeys(trained)) == listed
    assert Path("t.md").read_text().startswith("# Trainings of nasbench201 on digits")


def test_failed_architectures_make_the_exit_code_1(run) -> None:
    narrow = ("train-table", "nasbench101", "--network", "channels=2,stacks=1", "--sample", "9", *SMALL)
    answer = run(*narrow, "--seeds", "1", "--epochs", "1", "--table", "t.parquet")
    assert answer.code == 1
    assert "1 architectures failed, such as" in answer.err
    assert "9 of 9 architectures" in answer.out
    assert read_table("t.parquet").values.num_rows == 8 * 2


def test_another_recipe_in_the_same_folder_is_refused(run) -> None:
    assert run(*TINY, "--sample", "1").code == 0
    answer = run(*TINY, "--sample", "1", "--rate", "0.3")
    assert answer.code == 1
    assert "recipe rate is 0.2 there and 0.3 here" in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--split", "1,2"), "three numbers"),
        (("--budgets", "1,x"), "--budgets 1,x: expected comma-separated numbers"),
        (("--epochs", "3", "--budgets", "1,2"), "budgets must rise from 1 to the 3 epochs"),
        (("--architecture", "width=3"), "have no width and depth"),
    ],
)
def test_options_that_mean_nothing_are_refused(run, words: tuple[str, ...], message: str) -> None:
    answer = run("train-table", "nasbench201", *words)
    assert answer.code == 1
    assert message in answer.err
    assert not Path("training").exists()
