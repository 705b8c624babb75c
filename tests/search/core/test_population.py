"""Which rows of a table are candidates, on five cells by hand and on NAS-Bench-201."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import proxybench as pb
from proxybench.errors import UnknownName
from proxybench.search import find_problem
from proxybench.search.experiments.experiment import ProblemSetting, TableSearch

SKIP_TWIN = "|skip_connect~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"


def test_isomorphic_rows_are_one_candidate_that_answers_with_the_row_that_has_proxies(tiny) -> None:
    problem = find_problem(tiny)
    assert [tiny.archs[row] for row in problem.rows].count(SKIP_TWIN) == 1
    assert len(problem) == 4
    assert sorted(problem.values) == [9, 81, 92, 93]
    assert sorted(problem.reported) == [11, 82, 94, 95]


def test_every_row_can_be_a_candidate(tiny) -> None:
    problem = find_problem(tiny, distinct="index")
    assert len(problem) == 5
    assert sorted(problem.values) == [9, 80, 81, 92, 93]


def test_objective_and_report_default_to_the_longest_training(tiny) -> None:
    problem = find_problem(tiny)
    assert (problem.full, problem.name) == (200, "tiny images val_acc@200")


def test_a_loss_is_turned_so_that_larger_is_better(tiny) -> None:
    assert sorted(find_problem(tiny, objective="val_loss@200").values) == [-91, -19, -8, -7]


def test_fidelities_are_the_epochs_up_to_the_objectives(tiny) -> None:
    assert find_problem(tiny, fidelities=True).levels == (20, 200)
    assert find_problem(tiny, objective="val_acc@20", fidelities=True).levels == (20,)


def test_training_seconds_are_the_tables(tiny) -> None:
    problem = find_problem(tiny, fidelities=True)
    assert {epochs: set(seconds) for epochs, seconds in problem.seconds.items()} == {20: {5.0}, 200: {50.0}}


def test_where_asks_for_a_measured_metric(tiny) -> None:
    rows = find_problem(tiny, where=["proxy:synflow"], distinct="index").rows
    assert len(rows) == 4


def test_what_the_table_does_not_have_is_refused_by_name(tiny) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'val_acc'"):
        find_problem(tiny, objective="val_ac@200")
    with pytest.raises(UnknownName, match="epochs of val_acc"):
        find_problem(tiny, objective="val_acc@199")
    with pytest.raises(UnknownName, match="'images'"):
        find_problem(tiny, dataset="image")


def test_nasbench201_has_6466_candidates_with_a_known_optimum(real_tables: Path) -> None:
    bench = pb.load("nasbench201")
    problem = find_problem(bench, "cifar10", "val_acc@12", "test_acc@200")
    best = int(np.argmax(problem.values))
    assert len(problem) == 6466
    assert int(np.isfinite(problem.columns["proxy:synflow"]).sum()) == 6285
    assert (problem.values[best], problem.reported[best]) == (pytest.approx(84.892), pytest.approx(94.3733, abs=1e-4))
    assert set(problem.seconds) == {12}
    assert len(find_problem(bench, "cifar10", "val_acc@12", distinct="index")) == 15_625


def test_columns_of_another_data_set_can_be_known(real_tables: Path) -> None:
    bench = pb.load("nasbench201")
    own = find_problem(bench, "cifar100", "val_acc@200", "test_acc@200")
    lent = find_problem(bench, "cifar100", "val_acc@200", "test_acc@200", columns_of="cifar10")
    every = find_problem(bench, "cifar100", "val_acc@200", "test_acc@200", columns_of="all")
    assert "proxy:synflow" not in own.columns
    assert "proxy:synflow" in lent.columns
    assert {"proxy:synflow[cifar10]", "proxy:synflow[ImageNet16-120]"} <= every.columns.keys()


def test_proxies_that_the_project_computed_can_be_known() -> None:
    bench = pb.load("trained-nasbench201")
    alone, problem = find_problem(bench), find_problem(bench, computed=True)
    assert not any(name.endswith("@proxybench") for name in alone.columns)
    synflow = problem.columns["proxy:synflow@proxybench"]
    assert np.array_equal(synflow, bench.batch("computed").column("proxy:synflow@proxybench")[problem.rows])
    assert np.isfinite(synflow).all()


def test_records_say_whether_the_projects_own_proxies_were_known() -> None:
    without, with_them = (
        TableSearch(ProblemSetting("trained-nasbench201", computed=computed)).task for computed in (False, True)
    )
    assert without.table != with_them.table
    assert "this project's own proxies" in with_them.population
    assert without.name != with_them.name
