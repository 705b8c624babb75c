"""Who competes with whom on a task, and with which rank."""

from __future__ import annotations

from collections.abc import Sequence

from proxybench.leaderboard.ranks.entries import entries_of
from proxybench.leaderboard.ranks.pools import pools_of
from proxybench.records import Record


def ranks(records: Sequence[Record]) -> dict[str, list[tuple[str, float | None]]]:
    """Methods and ranks by pool name."""
    found = pools_of(entries_of(records))
    return {pool.name: [(place.entry.method, place.rank) for place in places] for pool, places in found.items()}


def test_pools_rank_again_and_controls_and_costs_are_in_each(record) -> None:
    records = [
        record("random", 0.0, kind="control"),
        record("params", 0.6, kind="cost"),
        record("nwot", 0.7),
        record("snip", 0.5, kind="training-free with labels"),
        record("gbdt", 0.8, kind="predictor", n_train=100),
        record("gbdt", 0.5, kind="predictor", n_train=20),
    ]
    assert ranks(records) == {
        "training-free": [("nwot", 1), ("params", 2), ("random", 3)],
        "training-free with labels": [("params", 1), ("snip", 2), ("random", 3)],
        "predictor, n_train 20": [("params", 1), ("gbdt", 2), ("random", 3)],
        "predictor, n_train 100": [("gbdt", 1), ("params", 2), ("random", 3)],
    }


def test_a_control_of_the_same_split_takes_the_place_of_one_of_the_whole_population(record) -> None:
    records = [
        record("random", 0.1, kind="control"),
        record("random", 0.2, kind="control", n_train=20),
        record("gbdt", 0.15, kind="predictor", n_train=20),
        record("gbdt", 0.15, kind="predictor", n_train=50),
    ]
    assert ranks(records) == {
        "predictor, n_train 20": [("random", 1), ("gbdt", 2)],
        "predictor, n_train 50": [("gbdt", 1), ("random", 2)],
    }


def test_what_does_not_learn_has_a_pool_next_to_those_of_predictors(record) -> None:
    records = [record("nwot", 0.7, n_train=20), record("gbdt", 0.8, kind="predictor", n_train=20)]
    assert list(ranks(records)) == ["training-free, split of n_train 20", "predictor, n_train 20"]


def test_a_task_with_controls_alone_is_training_free(record) -> None:
    assert ranks([record("params", 0.6, kind="cost")]) == {"training-free": [("params", 1)]}


def test_an_incomplete_entry_has_the_rank_of_what_it_has_and_changes_no_other(record) -> None:
    records = [
        record("epe_nas", 0.9, attempted=3.0),
        record("swap", 0.6, attempted=3.0),
        record("nwot", 0.7),
        record("synflow", 0.5),
        record("random", 0.0, kind="control"),
        record("fisher", None, attempted=0.0, outcome="unsupported"),
    ]
    assert ranks(records) == {
        "training-free": [
            ("epe_nas", 1),
            ("nwot", 1),
            ("swap", 2),
            ("synflow", 2),
            ("random", 3),
            ("fisher", None),
        ]
    }


def test_repeats_that_failed_are_left_out_of_the_comparison(record) -> None:
    def repeats(method: str, *taus: float | None) -> list[Record]:
        return [
            record(method, tau, kind="predictor", n_train=20, repeat=repeat, outcome="ok" if tau else "failed")
            for repeat, tau in enumerate(taus)
        ]

    # over all splits a has .5; over the first alone, which b has, .9
    records = [*repeats("a", 0.9, 0.1), *repeats("b", 0.8, None), *repeats("c", 0.2, 0.6)]
    assert ranks(records) == {"predictor, n_train 20": [("a", 1), ("b", 2), ("c", 2)]}


def test_ties_share_the_mean_of_their_ranks(record) -> None:
    records = [record(method, tau) for method, tau in {"a": 0.5, "b": 0.7, "c": 0.7, "d": 0.7, "e": 0.1}.items()]
    assert ranks(records) == {"training-free": [("b", 2), ("c", 2), ("d", 2), ("a", 4), ("e", 5)]}


def test_searches_are_ranked_by_regret_lower_first(record) -> None:
    records = [
        record(method, tau, kind="search", n_train=150, metrics={"kendall": tau, "regret_at_1": regret})
        for method, tau, regret in [("evolution", 0.1, 0.3), ("random search", 0.9, 0.6)]
    ]
    assert ranks(records) == {"search, n_train 150": [("evolution", 1), ("random search", 2)]}
