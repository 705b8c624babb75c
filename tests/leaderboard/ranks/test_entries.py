"""Repeats as one entry, and what is missing from it."""

from __future__ import annotations

import pytest

from proxybench.errors import CorruptData
from proxybench.leaderboard.ranks.entries import entries_of


def test_repeats_become_mean_deviation_and_students_interval(record) -> None:
    # .5, .6, .7: mean .6, sd .1; the 97.5 % quantile of t with 2 degrees of freedom is 4.3027, and 4.3027 x .1 / sqrt 3
    # = .2484.
    (entry,) = entries_of([record("gbdt", tau, repeat=repeat) for repeat, tau in enumerate([0.7, 0.5, 0.6])])
    found = entry.metric("kendall")
    assert found.repeats == 3
    assert found.mean == pytest.approx(0.6)
    assert found.sd == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.3516, 0.8484), abs=5e-5)


def test_a_single_record_keeps_its_own_interval_and_has_no_deviation(record) -> None:
    (entry,) = entries_of([record("nwot", 0.6, intervals={"kendall": (0.55, 0.65)})])
    assert entry.metric("kendall") == (0.6, None, 0.55, 0.65, 1)
    assert entry.metric("spearman") == (0.6, None, None, None, 1)


@pytest.mark.parametrize("metric", ["regret_at_1", "best_rank_at_10", "precision_at_1_percent", "noise_ceiling"])
def test_what_no_interval_covers_has_none_whatever_the_records_say(record, metric: str) -> None:
    made = [record("nwot", 0.6, repeat=repeat, intervals={metric: (1.0, 1.0)}) for repeat in range(2)]
    least = 1.0 if metric.startswith("best_rank") else 0.0
    for repeat, value in enumerate((0.2, 0.4)):
        made[repeat].metrics[metric] = least + value
    (alone,), (both,) = entries_of(made[:1]), entries_of(made)
    assert alone.metric(metric) == (least + 0.2, None, None, None, 1)
    found = both.metric(metric)
    assert (found.mean, found.sd) == (pytest.approx(least + 0.3), pytest.approx(0.2 / 2**0.5))
    assert (found.low, found.high) == (None, None)


def test_an_interval_says_what_it_is_over(record) -> None:
    made = [record("gbdt", tau, repeat=repeat) for repeat, tau in enumerate((0.5, 0.6))]
    (alone,), (both,) = entries_of(made[:1]), entries_of(made)
    assert (alone.metric("kendall").over, both.metric("kendall").over) == ("architectures", "splits")


def test_undefined_metrics_are_left_out_of_the_mean_and_absent_when_all_are(record) -> None:
    (entry,) = entries_of([record("gbdt", None, spearman=0.4), record("gbdt", None, repeat=1, spearman=None)])
    assert entry.metric("kendall") is None
    assert entry.metric("spearman").mean == 0.4


@pytest.mark.parametrize(("outcome", "words"), [("failed", "failed"), ("timeout", "timed out")])
def test_an_outcome_that_is_not_ok_is_missing(record, outcome: str, words: str) -> None:
    records = [record("gbdt", 0.5), record("gbdt", None, repeat=1, outcome=outcome)]
    (entry,) = entries_of(records)
    assert not entry.complete
    assert entry.outcome == outcome
    assert entry.missing == (f"1 of 2 repeats {words}",)


def test_an_unsupported_method_is_said_to_be_so_once(record) -> None:
    (entry,) = entries_of([record("flops", None, attempted=0.0, outcome="unsupported")])
    assert entry.missing == ("not supported",)


def test_a_repeat_that_a_rival_has_on_the_same_split_is_due(record) -> None:
    records = [record("gbdt", 0.5, kind="predictor", n_train=100, repeat=repeat) for repeat in range(3)]
    records += [record("ridge", 0.9, kind="predictor", n_train=100), record("ridge", 0.9, kind="predictor", n_train=50)]
    gbdt, ridge_50, ridge_100 = entries_of(records)
    assert gbdt.complete
    assert ridge_50.complete
    assert ridge_100.missing == ("2 of 3 repeats not recorded",)


def test_a_hole_among_the_repeats_is_missing(record) -> None:
    (entry,) = entries_of([record("nwot", 0.5, repeat=0), record("nwot", 0.5, repeat=2)])
    assert entry.missing == ("1 of 3 repeats not recorded",)


def test_fewer_architectures_than_the_population_are_missing(record) -> None:
    (entry,) = entries_of([record("nwot", 0.5, attempted=3.0)])
    assert entry.missing == ("3 of 4 architectures tried",)


def test_what_is_due_of_a_split_is_what_random_scored_there(record) -> None:
    """Test parts of repeats differ in size where isomorphic architectures stay together."""
    records = [
        record(method, 0.5, kind=kind, n_train=2, repeat=repeat, attempted=tried)
        for repeat, tried in enumerate([2.0, 1.0])
        for method, kind in (("gbdt", "predictor"), ("random", "control"))
    ]
    lazy = record("ridge", 0.5, kind="predictor", n_train=2, repeat=0, attempted=1.0)
    gbdt, random, ridge = entries_of([*records, lazy, record("ridge", 0.5, kind="predictor", n_train=2, repeat=1)])
    assert gbdt.complete
    assert random.complete
    assert ridge.missing == ("1 of 2 architectures tried",)


def test_only_methods_that_learn_are_trained_on_the_training_part(record) -> None:
    kinds = ("predictor", "search", "cost")
    sizes = {kind: entries_of([record("m", 0.5, kind=kind, n_train=9)])[0].trained_on for kind in kinds}
    assert sizes == {"predictor": 9, "search": 9, "cost": 0}


def test_parameters_distinguish_methods_and_show_in_the_label(record) -> None:
    entries = entries_of([record("knn", 0.5, params={"k": 3}), record("knn", 0.6, params={"k": 5}), record("knn", 0.4)])
    assert sorted(entry.label for entry in entries) == ["knn", 'knn {"k":3}', 'knn {"k":5}']


def test_costs_are_means_and_seconds_come_from_the_source_before_the_clock(record) -> None:
    costs = [{"predict_s": 1.0, "fit_s": 10.0}, {"predict_s": 3.0, "fit_s": 30.0}]
    (entry,) = entries_of([record("gbdt", 0.5, repeat=repeat, cost=cost) for repeat, cost in enumerate(costs)])
    assert (entry.seconds_per_architecture, entry.cost("fit_s"), entry.cost("peak_mb")) == (2.0, 20.0, None)
    (entry,) = entries_of([record("nwot", 0.5, cost={"seconds_per_architecture": 0.4, "predict_s": 9.0})])
    assert entry.seconds_per_architecture == 0.4


def test_a_task_with_two_identities_is_refused(record, task) -> None:
    with pytest.raises(CorruptData, match="tiny is recorded with two identities; synflow"):
        entries_of([record("nwot", 0.5), record("synflow", 0.5, task(size=5))])


def test_a_method_with_two_kinds_is_refused(record) -> None:
    with pytest.raises(CorruptData, match="gbdt on tiny is recorded as search and predictor"):
        entries_of([record("gbdt", 0.5, kind="search"), record("gbdt", 0.5, kind="predictor", repeat=1)])
