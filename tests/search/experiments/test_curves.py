"""Best-so-far curves of two runs whose finds are known."""

from __future__ import annotations

import csv
import io
import math

import msgspec
import numpy as np
import pytest

from proxybench.jobs.journal import Journal
from proxybench.records import TaskIdentity
from proxybench.search.experiments.comparison import compare
from proxybench.search.experiments.curves import COLUMNS, band, best_so_far, curve_rows, curves_csv
from proxybench.search.experiments.experiment import ProblemSetting, TableSearch
from proxybench.search.experiments.run_groups import groups_of, read_groups
from proxybench.search.experiments.run_records import Incumbent, SearchRecord

TASK = TaskIdentity("search by hand", 1, "none", "none", "all", 9, "whole population", "val_acc@9", "r")


def record(
    seed: int, found: list[Incumbent], last: tuple[float, float | None], method: str = "a", **metrics: float
) -> SearchRecord:
    known = {"rank": 1.0, "value": 0.0, "simple_regret": 0.0, **metrics}
    return SearchRecord(TASK, method, "search", "ok", known, repeat=seed, n_train=3, found=tuple(found), last=last)


ONE = record(0, [Incumbent(1, 10.0, 50.0, 5.0), Incumbent(3, 30.0, 70.0, 6.0)], (3, 30.0))
OTHER = record(1, [Incumbent(1, 20.0, 60.0, 9.0), Incumbent(2, 40.0, 80.0, 8.0)], (3, 60.0))


def curve(axis: str, quantity: str) -> list[tuple[float, ...]]:
    chosen = [row for row in curve_rows([ONE, OTHER]) if row[4] == axis and row[7] == quantity]
    return [(row[5], row[8], row[11]) for row in chosen]


def test_each_run_is_shown_with_the_best_it_has_found() -> None:
    assert curve("trainings", "value") == [(1, 55, 55), (2, 65, 65), (3, 75, 75)]


def test_what_is_reported_belongs_to_the_best_and_may_fall() -> None:
    assert [mean for _, mean, _ in curve("trainings", "reported")] == [7, 6.5, 7]


def test_time_runs_from_when_all_have_found_something_to_when_the_first_has_ended() -> None:
    points = curve("seconds", "value")
    assert (points[0][0], points[-1][0]) == (20, 30)
    assert (points[0][1], points[-1][1]) == (55, 65)


def test_bands_are_standard_errors_and_quartiles() -> None:
    # Values 50 and 60, ten of each: standard deviation 5.13, its error 1.1471, t of 19 degrees of freedom 2.0930.
    found = band(np.repeat([50.0, 60.0], 10))
    assert found == pytest.approx((55, 55 - 2.0930 * 1.1471, 55 + 2.0930 * 1.1471, 55, 50, 60), rel=1e-4)


def test_few_runs_have_no_interval_of_the_mean() -> None:
    row = next(row for row in curve_rows([ONE, OTHER]) if row[4:8] == ("trainings", 1.0, 2, "value"))
    assert row[8:] == pytest.approx((55, math.nan, math.nan, 55, 52.5, 57.5), nan_ok=True)


def test_no_interval_before_the_tenth_training() -> None:
    runs = [record(seed, [Incumbent(1, None, 50.0 + seed, None)], (12, None)) for seed in range(20)]
    rows = curve_rows([msgspec.structs.replace(one, n_train=12) for one in runs])
    assert [row[5] for row in rows if not math.isnan(row[9])] == [10, 11, 12]


def test_without_recorded_seconds_there_is_no_time_axis() -> None:
    timeless = record(0, [Incumbent(1, None, 50.0, None)], (3, None))
    assert {(row[4], row[7]) for row in curve_rows([timeless])} == {("trainings", "value")}


def test_equal_runs_give_equal_csv_whatever_their_order() -> None:
    written = curves_csv([ONE, OTHER])
    assert written == curves_csv([ONE, OTHER])
    rows = list(csv.DictReader(io.StringIO(written.decode())))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["problem"] == "search by hand"


def test_a_comparison_stops_at_its_time_and_goes_on_later(tiny, tmp_path) -> None:
    journal = Journal(tmp_path / "runs.jsonl")
    problems = [TableSearch(ProblemSetting("tiny", distinct=kind)) for kind in ("digest", "index")]
    arguments = {"searchers": ["random", "robot"], "budgets": [2], "seeds": 3}
    assert not compare(journal, problems, seconds=0, **arguments)
    assert len(journal.recorded()) == 0
    assert compare(journal, problems, **arguments)
    assert [len(group.runs) for group in read_groups([journal.path])] == [3, 3, 3, 3]
    before = journal.path.read_bytes()
    assert compare(journal, problems, seconds=60, **arguments)
    assert journal.path.read_bytes() == before


def test_points_that_are_requested_are_kept_within_what_all_runs_know() -> None:
    (group,) = groups_of([ONE, OTHER])
    found = best_so_far(group, "trainings", [0, 1, 2, 9])
    assert found.at.tolist() == [1, 2]
    assert found.values.tolist() == [[50, 60], [50, 80]]
