"""A suite as test items on real tables: one serial run of a user's folder, looked at from all sides."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from scipy.stats import kendalltau

import proxybench as pb
from proxybench.records import Record, comparable, read_records

from .conftest import Run, run_pytest, write_files

TASK = "darts-oncenas-test"
OTHER = "nasbench101-suite-zero-val"
SUITE = ("--proxybench-suite", "published")
ENTRY = ("--proxybench-entry", "outside:score")
ONE = ("-k", TASK, "--proxybench-method", "params")


def csv_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


@pytest.fixture(scope="session")
def serial(user_folder: Path, small_cache: Path) -> Run:
    return run_pytest(user_folder, small_cache, *SUITE, *ENTRY, *ONE, "-v", "--proxybench-csv", "board")


@pytest.fixture(scope="session")
def records(serial: Run, user_folder: Path) -> dict[str, Record]:
    return {record.method: record for record in read_records([user_folder / "board/runs/published.jsonl"])}


@pytest.fixture(scope="session")
def params_tau(small_cache: Path) -> float:
    """Kendall's tau-b of parameters and test accuracy, by another implementation than the harness's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROXYBENCH_CACHE", str(small_cache))
        bench = pb.load("darts-oncenas")
        target = bench.values("test_acc", dataset="cifar10", epochs=50, seed="mean")
        return float(kendalltau(bench.values("params", dataset="cifar10"), target).statistic)


@pytest.mark.parametrize(
    ("method", "outcome"),
    [
        ("params", "PASSED"),
        ("random", "PASSED"),
        ("from_conftest", "PASSED"),
        ("score", "PASSED"),
        ("above", "PASSED"),
        ("below", "FAILED"),
        ("from_ini", "FAILED"),
        ("breaks", "FAILED"),
        ("does_not_apply", "SKIPPED"),
        ("learner", "SKIPPED"),
    ],
)
def test_every_kind_of_job_has_its_outcome(serial: Run, method: str, outcome: str) -> None:
    assert serial.outcome(f"{TASK}::{method}::0::0") == outcome
    assert serial.code == 1


def test_nothing_else_was_selected(serial: Run) -> None:
    assert "3 failed, 6 passed, 2 skipped" in serial.out


def test_a_floor_is_reported_with_figure_interval_task_and_population(serial: Run, params_tau: float) -> None:
    population = "526 distinct genotypes of 545 trainings"
    assert f"kendall {params_tau:.4f} [0." in serial.out
    assert f"] is below the floor 0.9 on task {TASK}, population {population}, n=526" in serial.out


def test_a_failure_is_reported_with_its_message_and_place(serial: Run) -> None:
    assert "ZeroDivisionError: one too many (test_mine.py:18 in breaks)" in serial.out


@pytest.mark.parametrize(
    "reason", ["there are no gradients here", f"learner learns from targets, and task {TASK} has no"]
)
def test_a_skip_says_why(serial: Run, reason: str) -> None:
    assert reason in serial.out


def test_the_records_are_those_of_the_run(records: dict[str, Record], params_tau: float) -> None:
    outcomes = {name: record.outcome for name, record in records.items()}
    assert len(outcomes) == 10  # all but the learner that sits out
    assert (outcomes["breaks"], outcomes["does_not_apply"]) == ("failed", "unsupported")
    assert records["above"].metrics["kendall"] == pytest.approx(params_tau, abs=1e-12)
    assert records["breaks"].provenance["pytest"] == pytest.__version__


def test_the_leaderboard_is_written(serial: Run, user_folder: Path, params_tau: float) -> None:
    rows = csv_rows(user_folder / f"board/{TASK}.csv")
    figures = {row["method"]: row["kendall_tau_b"] for row in rows}
    assert float(figures["params"]) == pytest.approx(params_tau, abs=5e-5)
    assert (user_folder / "board/leaderboard.csv").is_file()
    assert "10 records ->" in serial.out


def test_last_failed_selects_the_failed_jobs(serial: Run, user_folder: Path, small_cache: Path) -> None:
    again = run_pytest(user_folder, small_cache, *SUITE, "--lf", "--collect-only", "-q", "-m", "proxybench")
    assert sorted(again.nodeids) == [f"{TASK}::{method}::0::0" for method in ("below", "breaks", "from_ini")]


def test_workers_report_the_same_records_and_the_controller_writes_them(
    records: dict[str, Record], user_folder: Path, small_cache: Path
) -> None:
    options = (*SUITE, *ENTRY, *ONE, "-n", "2", "-p", "no:cacheprovider", "--proxybench-csv", "parallel")
    parallel = run_pytest(user_folder, small_cache, *options)
    assert "3 failed, 6 passed, 2 skipped" in parallel.out
    assert parallel.out.count("10 records ->") == 1
    found = read_records([user_folder / "parallel/runs/published.jsonl"])
    assert [comparable(record) for record in found] == [
        comparable(record) for record in sorted(records.values(), key=lambda record: record.key)
    ]


def test_published_columns_and_controls_are_collected_by_default(user_folder: Path, small_cache: Path) -> None:
    options = (*SUITE, "-m", "proxybench", "--collect-only", "-q", "-p", "no:cacheprovider")
    nodeids = run_pytest(user_folder, small_cache, *options, "-k", OTHER).nodeids
    methods = {nodeid.split("::")[1] for nodeid in nodeids}
    assert {"synflow", "jacov", "params", "flops", "random", "from_conftest"} <= methods
    assert {nodeid.split("::")[0] for nodeid in nodeids} == {OTHER}


def test_methods_repeats_and_parameters_make_node_ids(tmp_path: Path, small_cache: Path) -> None:
    options = ("--proxybench-suite", "quick-predictors", "--proxybench-method", "ridge(columns=false)")
    run = run_pytest(tmp_path, small_cache, *options, "--proxybench-repeats", "2", "--collect-only", "-q")
    ridge = [nodeid for nodeid in run.nodeids if "ridge" in nodeid]
    assert ridge[:2] == [f"darts-swap-predict::ridge(columns=false)::50::{repeat}" for repeat in (0, 1)]
    assert len(ridge) == 3 * 2


def test_a_csv_file_has_the_rows_of_all_tasks(tmp_path: Path, small_cache: Path) -> None:
    run = run_pytest(tmp_path, small_cache, *SUITE, "-k", "random", "--proxybench-csv", "out/rows.csv")
    assert run.code == 0, run.out
    rows = csv_rows(tmp_path / "out/rows.csv")
    assert [(row["task"], row["method"]) for row in rows] == [(TASK, "random"), (OTHER, "random")]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--proxybench-entry", "nosuch:score", "cannot load 'nosuch:score': ModuleNotFoundError"),
        ("--proxybench-min-kendall", f"{TASK}/synflo=0.3", f"of suite published matches the floor of {TASK}/sy"),
        ("--proxybench-entry", "twin:score", "and params are both ranked as 'params'; rename one"),
        ("--proxybench-entry", "lost:score", "unknown task 'nasbench-macro-tset'. Did you mean 'nasbench-macro-test'?"),
    ],
)
def test_what_cannot_be_planned_is_a_collection_error(
    tmp_path: Path, small_cache: Path, option: str, value: str, message: str
) -> None:
    own = "import proxybench as pb\n@pb.entrant({})\ndef score(batch): ...\n"
    lost = own.format("'lost', floors={'nasbench-macro-tset': 0.4}")
    write_files(tmp_path, {"twin.py": own.format("'params'"), "lost.py": lost})
    run = run_pytest(tmp_path, small_cache, *SUITE, option, value)
    assert run.code == 2
    assert message in run.out


def test_without_tables_every_job_is_skipped_with_the_command(user_folder: Path, tmp_path: Path) -> None:
    run = run_pytest(user_folder, tmp_path / "empty", *SUITE, "-m", "proxybench", "-p", "no:cacheprovider")
    assert run.code == 0
    assert "table darts-oncenas is not on this machine; run: proxybench fetch darts-oncenas" in run.out
    assert "nasbench201" in run.out
    assert " passed" not in run.out


def test_without_a_suite_the_decorator_collects_nothing(user_folder: Path, tmp_path: Path) -> None:
    run = run_pytest(user_folder, tmp_path / "empty", "--collect-only", "-q", "-p", "no:cacheprovider")
    assert sorted(run.nodeids) == ["deeper/test_nothing.py::test_nothing", "test_mine.py::test_mine"]
