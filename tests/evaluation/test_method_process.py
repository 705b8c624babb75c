"""A user's method in a process of its own: what it breaks is its own, and it sees what it may and nothing else."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
import unruly_methods

from predictors.checks import example_batch
from proxybench.errors import CorruptData
from proxybench.evaluation.entrants import InvalidMethod, code_of, find_entrant
from proxybench.evaluation.evaluate import evaluate
from proxybench.evaluation.job_specs import specify
from proxybench.evaluation.method_job import MethodJob, do_job_here
from proxybench.evaluation.method_process import do_job_apart
from proxybench.evaluation.plan_runs import run_plan
from proxybench.evaluation.plans import RunPlan
from proxybench.evaluation.tasks import load_tasks
from proxybench.jobs.failure import MethodFailed, MethodLacking
from proxybench.jobs.journal import Journal
from proxybench.records import read_records
from proxybench.tables.benchmark import load

BATCH = example_batch(12)[0]
EDGES = [float(len(arch.edges)) for arch in BATCH]


def job(name: str) -> MethodJob:
    return MethodJob(f"unruly_methods:{name}", code_of(getattr(unruly_methods, name)), {}, BATCH)


def vit_job(name: str, task: str = "trained-vit-micro-test", **options: int):
    chosen = load_tasks()[task]
    return specify(chosen, load(chosen.benchmark), f"unruly_methods:{name}", **options)


def test_an_honest_method_gives_its_scores_and_what_they_cost() -> None:
    done = do_job_apart(job("honest"))
    assert done.scores.tolist() == EDGES
    assert done.score_s > 0
    assert 5 < (done.peak_mb or 0) < 500


def test_what_a_method_changes_ends_with_it() -> None:
    before = do_job_apart(job("state")).scores
    params = BATCH.columns["cost:params"].copy()
    assert do_job_apart(job("changes_everything")).scores.tolist() == EDGES
    assert do_job_apart(job("state")).scores.tolist() == before.tolist()
    assert np.array_equal(BATCH.columns["cost:params"], params)
    assert "UNRULY" not in os.environ


@pytest.mark.parametrize("name", ["floods", "forks"])
def test_a_method_that_harms_nobody_gives_its_scores(name: str) -> None:
    assert do_job_apart(job(name)).scores.tolist() == EDGES


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exits", "the process exited with code 0 before the method gave its scores"),
        ("dies", "the process was killed by SIGKILL.* before the method gave its scores"),
        ("leaves", r"SystemExit: enough \(unruly_methods\.py:\d+ in leaves\)"),
        ("interrupts", r"KeyboardInterrupt \(unruly_methods"),
        ("raises_mute", r"Mute: \(no message, its __str__ raised SystemExit\)"),
        ("closes_all", "the process exited with code 1 before the method gave its scores"),
        ("babbles", "the method disrupted its answer channel: something other than a message"),
        ("forges_a_length", "the method disrupted its answer channel: a message of 4294967295 bytes"),
        ("words", "the scores of words must be real numbers"),
        ("imaginary", "the scores of imaginary must be real numbers"),
        ("forgets_modules", r"Error: .*\(.*py:\d+ in "),
        ("too_few", r"too_few gave scores of shape \(1,\) for 12 architectures; expected one each"),
    ],
)
def test_what_a_method_breaks_is_its_own_failure(name: str, message: str) -> None:
    with pytest.raises(MethodFailed, match=message) as caught:
        do_job_apart(job(name))
    assert caught.value.outcome == "failed"


def test_a_masked_score_is_no_answer() -> None:
    assert np.isnan(do_job_apart(job("masked")).scores).tolist() == [True, *[False] * 11]


def test_a_missing_library_is_named_for_others_who_may_have_it() -> None:
    with pytest.raises(MethodFailed, match="ModuleNotFoundError") as caught:
        do_job_apart(job("lacks_a_library"))
    assert caught.value.library == "no_such_library"


def test_no_process_outlives_the_job_that_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(unruly_methods.__file__).parent))
    monkeypatch.chdir(tmp_path)
    assert do_job_apart(job("leaves_a_daemon")).scores.tolist() == EDGES
    daemon = int((tmp_path / "daemon").read_text())
    end = time.monotonic() + 10
    while psutil.pid_exists(daemon) and psutil.Process(daemon).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_method_of_another_file_than_planned_is_not_run() -> None:
    changed = MethodJob("unruly_methods:honest", "0" * 64, {}, BATCH)
    with pytest.raises(MethodLacking, match="has changed since this run was planned"):
        do_job_apart(changed)
    with pytest.raises(MethodLacking, match="cannot load 'no_such_module:f'"):
        do_job_apart(MethodJob("no_such_module:f", "", {}, BATCH))


def _zeroed(values):
    values.setflags(write=True)
    values.fill(0)


def test_in_this_process_a_method_gets_copies() -> None:
    params = BATCH.columns["cost:params"].copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            unruly_methods, "honest", lambda batch: [_zeroed(values) for values in batch.columns.values()] * 6
        )
        assert np.isnan(do_job_here(job("honest")).scores).all()
    assert np.array_equal(BATCH.columns["cost:params"], params)


def test_a_method_finds_no_table_task_split_or_name_of_a_space_nor_the_targets() -> None:
    """Scores rise by one from what it found: 0 is the least, and Kendall's tau is as good as that of row numbers."""
    record = evaluate(vit_job("LooksAround", "trained-vit-micro-predict", n_train=20))
    rows = load_tasks()["trained-vit-micro-predict"].rows(load("trained-vit-micro"))
    assert record.outcome == "ok"
    assert record.metrics["attempted"] == len(rows) - 20
    probe = MethodJob("unruly_methods:LooksAround", code_of(unruly_methods.LooksAround), {}, BATCH, BATCH, np.ones(12))
    assert do_job_apart(probe).scores.tolist() == [12.0 + row for row in range(12)]  # the graphs here name a space


def test_scores_that_are_nan_everywhere_are_a_failure() -> None:
    with pytest.raises(MethodFailed, match="nan_everywhere gave no finite score for any of the 200 architectures"):
        evaluate(vit_job("nan_everywhere"))


def test_methods_that_never_end_are_stopped_and_the_next_is_what_it_would_have_been(tmp_path: Path) -> None:
    names = ("stops_half_way", "holds_the_interpreter", "answers_lazily")
    journal = Journal(tmp_path / "runs.jsonl")
    run_plan(RunPlan([vit_job(name) for name in names]), journal, jobs=3, timeout_s=3)
    run_plan(RunPlan([vit_job("honest")]), journal)
    records = {record.method: record for record in read_records([journal.path])}
    assert {records[name].outcome for name in names} == {"timeout"}
    assert records["honest"].metrics == evaluate(vit_job("honest")).metrics


def test_a_cell_whose_table_is_another_is_not_recorded(tmp_path: Path) -> None:
    spec = vit_job("honest")
    other = msgspec.structs.replace(spec, task=msgspec.structs.replace(spec.task, table="0" * 32))
    with pytest.raises(CorruptData, match="changed since"):
        evaluate(other)
    journal = Journal(tmp_path / "runs.jsonl")
    summary = run_plan(RunPlan([other]), journal)
    assert journal.recorded() == frozenset()
    [(reason, count)] = summary.lacking.items()
    assert reason.endswith("the table of trained-vit-micro changed since the job was specified")
    assert count == 1


def test_planning_a_run_does_not_import_a_users_module_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meddling_module.py").write_text(
        "import os, sys\nos.environ['MEDDLED'] = '1'\nsys.setrecursionlimit(70)\n\ndef score(batch):\n    return []\n"
    )
    (tmp_path / "ending_module.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    limit = sys.getrecursionlimit()
    assert find_entrant("meddling_module:score").name == "score"
    assert (sys.getrecursionlimit(), "MEDDLED" in os.environ) == (limit, False)
    assert "meddling_module" not in sys.modules
    with pytest.raises(InvalidMethod, match="cannot load 'ending_module:score': the process exited with code 3"):
        find_entrant("ending_module:score")
