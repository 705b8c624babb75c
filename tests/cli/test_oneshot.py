"""oneshot as a user meets it; killed in the middle, it goes on where it was."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import proxybench as pb

SMALL = ("oneshot", "nasbench201", "--images", "digits", "--network", "channels=2,cells=1")
TINY = (*SMALL, "--epochs", "1", "--sample", "6")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_estimates_are_a_file_of_scores(run) -> None:
    answer = run(*TINY, "--scores", "spos.csv")
    assert answer.code == 0, answer.err
    assert "6 architectures estimated" in answer.out
    rows = read("spos.csv")
    assert [row.keys() for row in rows] == [{"arch": 0, "spos": 0, "spos-loss": 0}.keys()] * 6
    assert all(0 <= float(row["spos"]) <= 100 and float(row["spos-loss"]) < 0 for row in rows)


def test_estimates_of_a_table_are_compared_with_it(run, cache: Path) -> None:
    archs = [pb.get_space("nasbench201").format(arch) for arch in pb.get_space("nasbench201").sample(12, 0)]
    truth = [50.0 + number for number in range(12)]
    frame = pd.DataFrame({"arch": archs, "acc": truth})
    pb.table(frame, arch="arch", targets="acc=test_acc@3", space="nasbench201", name="twelve", unit="percent")
    answer = run(*SMALL, "--epochs", "1", "--evaluate", "twelve", "--scores", "twelve.csv", "--json")
    assert answer.code == 0, answer.err
    content = json.loads(answer.out)
    assert content["estimates"] == 12
    for kind, column in (("accuracy", "spos"), ("loss", "spos-loss")):
        scores = [float(row[column]) for row in read("twelve.csv")]
        assert content["measures"][kind]["kendall"] == pytest.approx(pb.rank_metrics(truth, scores)["kendall"])


def test_latencies_are_measured_and_an_architecture_is_derived_from_them(run) -> None:
    network = ("--network", "channels=2,head_channels=8")
    made = run("latency", "mbconv-micro", "--output", "ms.json", "--repeats", "1", "--check", "3", *network, "--json")
    assert made.code == 0, made.err
    answer = run(
        *("oneshot", "mbconv-micro", "--method", "proxyless(table=ms.json)", "--images", "digits", "--epochs", "1"),
        *("--sample", "2", "--json", *network),
    )
    assert answer.code == 0, answer.err
    content = json.loads(answer.out)
    table = json.loads(Path("ms.json").read_text())
    layers = zip(table["values"], content["derived"], strict=True)
    assert content["findings"]["latency_ms"] == pytest.approx(
        table["fixed"] + sum(options[int(digit)] for options, digit in layers)
    )
    assert content["findings"]["latency_table_spearman"] == json.loads(made.out)["spearman"]


def test_another_setting_in_the_folder_is_an_error(run) -> None:
    assert run(*TINY).code == 0
    answer = run(*TINY, "--method", "fairnas")
    assert answer.code == 1
    assert "method is" in answer.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("oneshot", "nasbench202"), "nasbench201"),
        (("oneshot", "nasbench201", "--method", "spso"), "spos"),
        (("oneshot", "nasbench201", "--method", "few-shot(edge=3)"), "no setting edge; it has choice, common"),
        (
            ("oneshot", "nasbench201", "--method", "few-shot(choice=a)"),
            "choice of the one-shot method few-shot must be int",
        ),
        (("oneshot", "nasbench201", "--evaluate", "trained-nasbench101"), "not of nasbench201"),
    ],
)
def test_a_mistake_is_named_with_what_there_is(run, words: tuple[str, ...], reason: str) -> None:
    answer = run(*words)
    assert answer.code == 1
    assert reason in answer.err


def test_killed_and_started_again_it_gives_the_estimates_of_a_run_that_was_not(run) -> None:
    words = (*SMALL, "--method", "few-shot", "--epochs", "14", "--sample", "6")
    assert run(*words, "--output", "whole", "--scores", "whole.csv").code == 0
    program = "from proxybench.cli import main; from proxybench.oneshot import trainer; trainer.SAVE_S = 0.05; main()"
    arguments = [sys.executable, "-c", program, *words, "--output", "killed"]
    with subprocess.Popen(arguments, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        end = time.monotonic() + 120
        while not Path("killed/training.pt").exists():
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert run(*words, "--output", "killed", "--scores", "killed.csv").code == 0
    assert Path("killed.csv").read_bytes() == Path("whole.csv").read_bytes()
