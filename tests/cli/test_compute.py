"""compute as a user meets it; killed in the middle, it goes on where it was."""

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

import numpy as np
import psutil
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from proxybench.scores.score_file import SweepScores, read_scores
from proxybench.spaces import get_space
from proxybench.sweeps.selection import items_of
from proxybench.tables.benchmark import load

SMALL = ("--images", "digits", "--network", "channels=2,cells=1", "--batch", "8", "--resolution", "8")
SWEEP = ("compute", "nasbench201", "--sample", "30", "--proxies", "snip,random", "--chunk", "1", *SMALL)


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


def wait_for_shards(folder: str, shards: int) -> int:
    end = time.monotonic() + 60
    while (found := len(list(Path(folder).glob("shards/*.parquet")))) < shards:
        assert time.monotonic() < end, Path("log").read_text()
        time.sleep(0.01)
    return found


def same(one: SweepScores, other: SweepScores) -> bool:
    return (
        one.digests == other.digests
        and one.scores.equals(other.scores)
        and np.array_equal(one.nodes["nodes:snip"].values, other.nodes["nodes:snip"].values)
        and one.setting == other.setting
    )


def test_killed_and_started_again_it_gives_the_table_of_a_run_that_was_not(run, tmp_path: Path) -> None:
    assert run(*SWEEP, "--output", "whole", "--table", "whole.parquet").code == 0
    with started(*SWEEP, "--output", "killed", "--jobs", "2") as process:
        wait_for_shards("killed", 3)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    before = {path.name: path.stat().st_mtime_ns for path in Path("killed/shards").glob("*.parquet")}
    assert 3 <= len(before) < len(list(Path("whole/shards").glob("*.parquet")))
    answer = run(*SWEEP, "--output", "killed", "--table", "killed.parquet", "--json")
    assert answer.code == 0
    assert all(Path("killed/shards", name).stat().st_mtime_ns == moment for name, moment in before.items())
    whole = read_scores("whole.parquet")
    assert same(whole, read_scores("killed.parquet"))
    summary = json.loads(answer.out)
    assert summary["architectures"] == summary["done"] == summary["rows"] == len(whole.digests)
    assert summary["failed"] == 0


def test_interrupted_it_says_how_to_go_on(tmp_path: Path) -> None:
    with started(*SWEEP, "--sample", "300", "--output", "sweep") as process:
        wait_for_shards("sweep", 1)
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert "interrupted; run the same command again to resume" in Path("log").read_text()
    assert not list(Path("sweep/shards").glob(".*"))


def test_only_the_first_architectures_by_digest(run) -> None:
    words = ("compute", "nasbench201", "--sample", "9", "--first", "2", "--proxies", "l2_norm", *SMALL)
    answer = run(*words, "--table", "two.parquet")
    assert answer.code == 0, answer.err
    digests = get_space("nasbench201").digests(get_space("nasbench201").sample(9, 0))
    assert list(read_scores("two.parquet").digests) == sorted(digests)[:2]


def test_the_scores_of_a_part_can_be_merged(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxybench.cli.sweeps.LINE_S", 0)
    words = ("compute", "nasbench201", "--sample", "3", "--proxies", "l2_norm", "--chunk", "1", *SMALL)
    answer = run(*words)
    assert answer.code == 0
    assert "images: scikit-learn digits, stratified, order by BLAKE2b of seed 0 and row" in answer.out
    assert "3 of 3 architectures in sweep" in answer.out
    assert "2 of 3 architectures, 0 minutes left\n" in answer.err
    Path("sweep/shards/000001.parquet").unlink()
    refused = run("compute", "--merge", "part.parquet")
    assert refused.code == 1
    assert refused.err.startswith("error: sweep: 2 of 3 architectures are done; run it to its end")
    assert run("compute", "--merge", "part.parquet", "--partial").code == 0
    assert len(read_scores("part.parquet").digests) == 2


OWN = """
from proxybench.proxies.base import proxy

@proxy("mine", source="here", formula="the number of layers, and an error where there are fewer than nine")
def mine(probe):
    if len(probe.layers) < 9:
        raise ZeroDivisionError("on purpose")
    return len(probe.layers)
"""


def test_a_failure_makes_the_exit_code_1_and_is_tried_again_on_request(run, tmp_path: Path, monkeypatch) -> None:
    Path("own.py").write_text(OWN)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])  # as a console script has it
    Path("archs.txt").write_text(
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|\n"
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|\n"
    )
    words = ("compute", "nasbench201", "--archs", "archs.txt", "--proxies", "own:mine,params", *SMALL)
    for retry in ((), ("--retry-failed",)):
        answer = run(*words, *retry, "--jobs", "1")
        assert answer.code == 1
        assert "error: 1 architectures failed, such as |none~0|+|none~0" in answer.err
        assert "ZeroDivisionError: on purpose" in answer.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--proxies", "synfow"), "unknown proxy 'synfow'. Did you mean 'synflow'?"),
        (("--images", "digit"), "unknown source of images 'digit'. Did you mean 'digits'?"),
        (("--sample", "99999"), "nasbench201 has only 15625 architectures; 99999 were requested"),
        (("--archs", "absent.txt"), "absent.txt does not exist"),
        (("--sample", "2", "--benchmark", "nasbench201"), "exclude each other"),
        (("--sample", "2", "--network", "chanels=2"), "cannot be built"),
        (("--sample", "2", "--batch", "9999", "--images", "digits"), "has only 1797 images"),
    ],
)
def test_a_mistake_is_one_line_with_the_next_step(run, words: tuple[str, ...], reason: str) -> None:
    answer = run("compute", "nasbench201", "--proxies", "l2_norm", *words)
    assert answer.code == 1
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert reason in answer.err
    assert not Path("sweep").exists()


def test_a_folder_of_another_setting_is_refused(run) -> None:
    words = ("compute", "nasbench201", "--sample", "2", "--proxies", "l2_norm", *SMALL)
    assert run(*words).code == 0
    answer = run(*words, "--initialisation", "xavier")
    assert answer.code == 1
    assert (
        'error: sweep holds a sweep with another setting: initialisation is "torch" there and "xavier" here'
        in answer.err
    )


def test_the_architectures_of_a_benchmark(run, real_tables: Path) -> None:
    answer = run("compute", "nasbench101", "--benchmark", "nasbench201", "--proxies", "l2_norm")
    assert answer.err == "error: benchmark nasbench201 is of space nasbench201, not nasbench101\n"
    space, bench = get_space("nasbench201"), load("nasbench201")
    items = items_of(bench, space, bench.digests)
    assert items.column("digest").equals(items_of(space, space).column("digest"))


def test_without_torch_it_says_what_to_install(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    answer = run("compute", "nasbench201", "--sample", "2")
    assert answer.err == ("error: zero-cost proxies need torch; run: pip install 'nas-proxybench[torch]'\n")


def test_scores_of_an_earlier_table_need_a_file_that_gets_them(run) -> None:
    answer = run(*SWEEP, "--with-scores", "earlier.parquet")
    assert answer.code == 2
    assert "needs --table or --merge" in answer.err
    assert not Path("sweep").exists()


def test_an_earlier_table_that_does_not_fit_is_refused_before_anything_is_computed(run) -> None:
    words = ("compute", "nasbench201", "--sample", "2", *SMALL)
    assert run(*words, "--proxies", "l2_norm", "--output", "first", "--table", "earlier.parquet").code == 0
    later = (*words, "--proxies", "snip", "--table", "both.parquet", "--with-scores", "earlier.parquet")
    answer = run(*later, "--output", "other", "--initialisation", "xavier")
    assert answer.code == 1
    assert 'earlier.parquet has another setting: initialisation is "torch" there and "xavier" here' in answer.err
    assert not list(Path("other").glob("shards/*.parquet"))
    assert run(*later, "--output", "second").code == 0
    assert sorted(read_scores("both.parquet").setting["proxies"]) == ["l2_norm", "snip"]
