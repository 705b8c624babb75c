"""Results of searches on a table that comes with the project."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wilcoxon

import proxybench as pb
from predictors.errors import UnknownName
from proxybench.errors import DataNotAvailable
from proxybench.search import SearchResults

ASKED = {"budget": 12, "seeds": 6, "progress": False}


@pytest.fixture(scope="module")
def found() -> SearchResults:
    return pb.search("trained-nasbench201", ["random", "evolution(population=4)"], **ASKED)


def test_a_frame_has_one_row_for_each_run_and_names_values_by_their_metrics(found: SearchResults) -> None:
    frame = found.frame()
    assert frame["searcher"].tolist() == ["random"] * 6 + ["evolution(population=4)"] * 6
    assert frame["seed"].tolist() == [*range(6), *range(6)]
    assert (frame["queries"] <= 12).all()
    bench = pb.load("trained-nasbench201")
    row = frame.iloc[3]
    assert row["val_acc"] == bench.query(row["arch"], metric="val_acc", epochs=3)
    assert row["test_acc"] == bench.query(row["arch"], metric="test_acc", epochs=3)


def test_a_leaderboard_has_the_best_searcher_first(found: SearchResults) -> None:
    board, frame = found.leaderboard(), found.frame()
    means = frame.groupby("searcher")["val_acc"].mean()
    assert board["value"].tolist() == pytest.approx(sorted(means, reverse=True))
    assert board["runs"].tolist() == [6, 6]
    assert board[["low", "high"]].isna().all(axis=None)  # six runs are too few


def test_twenty_runs_have_an_interval() -> None:
    found = pb.search("trained-nasbench201", ["random"], budget=5, seeds=20, progress=False)
    (row,) = found.leaderboard().to_dict("records")
    values = found.frame()["val_acc"]
    half = 2.0930 * values.std() / 20**0.5
    assert (row["low"], row["high"]) == pytest.approx((values.mean() - half, values.mean() + half), rel=1e-5)


def test_two_searchers_are_compared_seed_by_seed(found: SearchResults) -> None:
    values = found.frame().pivot(index="seed", columns="searcher", values="val_acc")
    gains = (values["evolution(population=4)"] - values["random"]).to_numpy()
    (row,) = found.compare("evolution(population=4)", "random").to_dict("records")
    assert row["difference"] == pytest.approx(np.mean(gains))
    assert row["p_value"] == pytest.approx(wilcoxon(gains).pvalue)
    assert (row["better"], row["seeds"]) == (int((gains > 0).sum()), 6)
    with pytest.raises(UnknownName, match="Did you mean 'random'"):
        found.compare("randm", "random")


def test_what_is_saved_is_loaded(found: SearchResults, tmp_path) -> None:
    path = found.save(tmp_path / "runs.jsonl")
    loaded = SearchResults.load(path)
    assert sorted(one.key for one in loaded.records) == sorted(one.key for one in found.records)
    assert loaded.leaderboard().equals(found.leaderboard())
    with pytest.raises(DataNotAvailable, match="holds no runs"):
        SearchResults.load(tmp_path / "none.jsonl")


def test_a_journal_spares_what_it_holds(tmp_path) -> None:
    first = pb.search("trained-nasbench201", "random", journal=tmp_path / "runs.jsonl", **ASKED)
    again = pb.search("trained-nasbench201", "random", journal=tmp_path / "runs.jsonl", **ASKED)
    assert again.records == first.records


def test_it_prints_in_a_screen(found: SearchResults) -> None:
    assert (
        repr(found)
        .splitlines()[0]
        .startswith("SearchResults: 12 runs on trained-nasbench201 cifar10, objective val_acc@3")
    )
    assert len(repr(found).splitlines()) == 4
    assert "<table" in found._repr_html_()


def test_the_function_and_the_package_share_a_name() -> None:
    from proxybench.search import find_problem

    assert callable(pb.search)
    assert pb.search.find_problem is find_problem
