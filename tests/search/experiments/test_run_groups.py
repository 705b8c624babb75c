"""Runs by searcher and problem, from single lines and from blocks, and what the leaderboard keeps of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proxybench.errors import CorruptData
from proxybench.jobs.journal import Journal
from proxybench.search.experiments.comparison import compare
from proxybench.search.experiments.experiment import (
    HINDSIGHT,
    ConfiguredSearcher,
    ProblemSetting,
    TableSearch,
    run_experiment,
)
from proxybench.search.experiments.run_groups import groups_of, read_groups
from proxybench.search.experiments.summary import median_interval, searched_problems


@pytest.fixture
def table_search(tiny) -> TableSearch:
    return TableSearch(ProblemSetting("tiny"))


@pytest.mark.parametrize("text", ["random", "robot", "ranking(metrics=synflow)"])
def test_a_block_and_single_runs_are_the_same_group(table_search: TableSearch, tmp_path: Path, text: str) -> None:
    entry = ConfiguredSearcher.parse(text)
    single, block = Journal(tmp_path / "single.jsonl"), Journal(tmp_path / "block.jsonl")
    run_experiment(table_search, [entry], 3, range(4), single)
    block.append(table_search.run_block(entry, 3, range(4)))
    (one,), (other,) = read_groups([single.path]), read_groups([block.path])
    assert one.runs == other.runs
    assert (one.task, one.searcher, one.params, one.optimum) == (other.task, other.searcher, other.params, 93)


def test_the_best_metric_in_hindsight_is_the_one_that_ended_with_the_least_regret(table_search: TableSearch) -> None:
    # Of one query: parameters tie the best cell with that of 92 and take it by index; synflow is as good and later.
    block = table_search.run_block(ConfiguredSearcher.parse(f'ranking(metrics="{HINDSIGHT}")'), 1, range(2))
    assert block.message == "metric cost:params"
    assert [run.regret for run in block.runs] == [0, 0]


def test_two_runs_of_a_seed_are_refused(table_search: TableSearch) -> None:
    entry = ConfiguredSearcher.parse("random")
    blocks = [table_search.run_block(entry, 2, range(0, 3)), table_search.run_block(entry, 2, range(2, 4))]
    with pytest.raises(CorruptData, match="two runs of one seed"):
        groups_of(blocks)


def test_the_leaderboard_keeps_regrets_by_seed_and_curves(table_search: TableSearch) -> None:
    (problem,) = searched_problems(
        groups_of([table_search.run_block(ConfiguredSearcher.parse("ranking(metrics=synflow)"), 2, range(5))])
    )
    (runs,) = problem.searchers
    # Synflow asks the cell of 93 (test 94) and then that of 92; the mean test accuracy of the four is 70.5.
    assert (problem.optimum, problem.report) == (93, "test_acc@200")
    assert (runs.seeds, runs.regret, runs.rank) == ("0-4", [0] * 5, (2, 2, 2))
    assert (runs.value, runs.reported, runs.train_s) == ((93, 93), (94, 94), 100)
    assert runs.improvement == pytest.approx(100 * (94 - 70.5) / 70.5, abs=0.001)
    trainings, seconds = runs.curves
    assert (trainings.axis, trainings.at, trainings.median, trainings.half) == ("trainings", [1, 2], [93, 93], None)
    assert (seconds.axis, seconds.at[0], seconds.at[-1]) == ("seconds", 50, 100)


def test_an_objective_that_should_be_small_keeps_its_sign(tiny) -> None:
    table_search = TableSearch(ProblemSetting("tiny", objective="val_loss@200", report="val_loss@200"))
    (problem,) = searched_problems(groups_of([table_search.run_block(ConfiguredSearcher.parse("random"), 4, range(2))]))
    assert (problem.optimum, problem.searchers[0].value, problem.searchers[0].regret) == (7, (7, 7), [0, 0])


def test_the_interval_of_a_median_is_of_order_statistics() -> None:
    # Of 12 values the median lies between the third and the tenth with 96 percent probability.
    assert median_interval(np.arange(12.0)[::-1] + 1) == (6.5, 3, 10)


def test_four_runs_do_not_enclose_their_median() -> None:
    # All of n values lie on one side of the median with chance 2 / 2^n: 1 / 8 of four, 1 / 16 of five.
    assert median_interval(np.arange(4.0)) == (1.5, None, None)
    assert median_interval(np.arange(5.0)) == (2, 0, 4)


def test_problems_with_answers_at_fewer_epochs_are_for_searchers_that_use_them(tiny, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs.jsonl")
    entries = ("random", "local", "asha")
    problems = [TableSearch(ProblemSetting("tiny", fidelities=more)) for more in (False, True)]
    assert compare(journal, problems, entries, [2], seeds=2)
    found = sorted((group.searcher, "fewer epochs" in group.task.population) for group in read_groups([journal.path]))
    assert found == [("asha", True), ("local", False), ("random", False), ("random", True)]
