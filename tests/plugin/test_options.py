"""The plugin without a suite costs nothing, and what is asked of it wrongly is refused at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxybench.evaluation.plans import suite_tasks
from proxybench.pytest_plugin.board import NotOurs, refuse_foreign_records
from proxybench.pytest_plugin.floors import InvalidFloor, below_floor, parse_floors
from proxybench.records import Record, TaskIdentity, write_records

pytest_plugins = ["pytester"]


def record(**changes) -> Record:
    identity = TaskIdentity("toy", 1, "toybench", "cifar10", "all 9 cells", 9, "whole", "test_acc", "0" * 8)
    given = {"metrics": {"kendall": 0.31, "attempted": 8.0}, "intervals": {"kendall": (0.29, 0.33)}, **changes}
    return Record(identity, "mine", "training-free", "ok", **given)


def test_nothing_is_imported_without_a_suite(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_modules():
            ours = {name for name in sys.modules if name.split(".")[0] in ("proxybench", "predictors")}
            light = {"predictors", "predictors.errors", "predictors.registry"}  # the lazy names of both packages
            assert ours - light == {"proxybench", "proxybench.pytest_plugin"}
            assert not {"numpy", "pandas", "scipy", "msgspec", "numba"} & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


def test_the_marker_is_registered(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.proxybench\ndef test_marked(): pass\n")
    pytester.runpytest_subprocess("--strict-markers", "-m", "proxybench").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--proxybench-suite", "quik"], "*unknown suite 'quik'. Did you mean 'quick'?*"),
        (["--proxybench-csv", "board"], "*--proxybench-csv needs --proxybench-suite NAME*"),
        (["--proxybench-suite", "quick", "--proxybench-repeats", "0"], "*must be at least 1*"),
        (["--proxybench-suite", "quick", "--proxybench-min-kendall", "x=0.3"], "*not of the form TASK/METHOD=FLOOR*"),
    ],
)
def test_wrong_options_are_usage_errors(pytester: pytest.Pytester, arguments: list[str], message: str) -> None:
    result = pytester.runpytest_subprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_records_of_another_front_end_are_not_replaced(tmp_path: Path) -> None:
    write_records(tmp_path / "runs" / "published.jsonl", [record()])
    with pytest.raises(NotOurs, match=r"published\.jsonl holds records that pytest did not write"):
        refuse_foreign_records(tmp_path)


def test_records_of_pytest_may_be_replaced(tmp_path: Path) -> None:
    write_records(tmp_path / "runs" / "quick.jsonl", [record(provenance={"pytest": "9"})])
    refuse_foreign_records(tmp_path)


def test_floors_are_parsed() -> None:
    task = suite_tasks("quick")[0].name
    assert parse_floors([f"{task}/synflow = 0.5", f"{task}/gbdt(columns=false)=-1"]) == {
        (task, "synflow"): 0.5,
        (task, "gbdt(columns=false)"): -1.0,
    }


@pytest.mark.parametrize("floor", ["1.5", "nan", "high", ""])
def test_a_floor_is_a_kendall_tau(floor: str) -> None:
    with pytest.raises(InvalidFloor, match="a number from -1 to 1"):
        parse_floors([f"{suite_tasks('quick')[0].name}/synflow={floor}"])


def test_a_record_below_the_floor_by_hand() -> None:
    assert below_floor(record(), 0.4) == (
        "kendall 0.3100 [0.2900, 0.3300] is below the floor 0.4 on task toy, population all 9 cells, n=8"
    )


def test_a_record_at_the_floor_is_not_below_it() -> None:
    assert below_floor(record(), 0.31) == ""


def test_an_undefined_kendall_is_below_every_floor() -> None:
    problem = below_floor(record(metrics={"kendall": None}, intervals={}, n_train=5), -1)
    assert problem.startswith("kendall undefined is below the floor -1 on task toy")
    assert problem.endswith("n=9, trained on 5")
