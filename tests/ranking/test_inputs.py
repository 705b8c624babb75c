"""Every public function of the ranking takes its arrays in any container, and loses nothing that the container says."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import proxybench as pb
from predictors.errors import IndexIgnored, InvalidValues
from predictors.ranks import count_pairs, dense_ranks, mean_ranks, tau_b
from proxybench.ranking import ceiling, comparison, correlation, curves, intervals, strata, topk
from proxybench.ranking.bootstrap import bootstrap_metrics, bootstrap_within_strata
from proxybench.ranking.kendall import kendall_bootstrap, kendall_many

NAN = math.nan
TARGETS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
SCORES = [2.0, 1.0, 4.0, NAN, 3.0, 8.0, 6.0, 7.0]
GROUPS = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]

CONTAINERS = {
    "list with None": lambda values: [None if math.isnan(value) else value for value in values],
    "generator": iter,
    "masked array": lambda values: np.ma.array(np.nan_to_num(values, nan=-1e8), mask=np.isnan(values)),
    "object array": lambda values: np.array([None if math.isnan(value) else value for value in values], dtype=object),
    "nullable Series": lambda values: pd.Series(values).astype("Float64"),
    "Arrow array": lambda values: pa.array(values, from_pandas=True),
    "short floats": lambda values: np.array(values, dtype=np.float16),
}

TWO = {
    "rank_metrics": pb.rank_metrics,
    "kendall": correlation.kendall,
    "kendall_a": correlation.kendall_a,
    "kendall_top": lambda y, s: correlation.kendall_top(y, s, 0.5),
    "spearman": correlation.spearman,
    "pearson": correlation.pearson,
    "precision_at_k": lambda y, s: topk.precision_at_k(y, s, 2),
    "recall_at_k": lambda y, s: topk.recall_at_k(y, s, 2),
    "ndcg_at_k": lambda y, s: topk.ndcg_at_k(y, s, 2),
    "regret_at_k": lambda y, s: topk.regret_at_k(y, s, 2),
    "best_rank_at_k": lambda y, s: topk.best_rank_at_k(y, s, 2),
    "best_so_far": lambda y, s: curves.best_so_far(y, s, [1, 2]).tolist(),
    "queries_until": lambda y, s: curves.queries_until(y, s, 1.0),
    "kendall_many": lambda y, s: kendall_many(y, s).tolist(),
    "kendall_bootstrap": lambda y, s: kendall_bootstrap(y, s, 5).tolist(),
    "bootstrap_metrics": lambda y, s: bootstrap_metrics(y, s, ["kendall"], 5)["kendall"].tolist(),
    "metric_intervals": lambda y, s: repr(intervals.metric_intervals(y, s, ["kendall"], 5)),
    "interval": lambda y, s: repr(intervals.interval(y, s, resamples=5)),
    "difference": lambda y, s: repr(intervals.difference(y, s, TARGETS, resamples=5)),
    "within_strata": lambda y, s: strata.within_strata(y, s, GROUPS),
    "bootstrap_within_strata": lambda y, s: bootstrap_within_strata(y, s, GROUPS, resamples=5).tolist(),
}


@pytest.mark.parametrize("name", TWO)
def test_the_container_does_not_change_a_metric(name: str) -> None:
    expected = TWO[name](np.array(TARGETS), np.array(SCORES))
    for container, convert in CONTAINERS.items():
        found = TWO[name](convert(TARGETS), convert(SCORES))
        assert (container, repr(found)) == (container, repr(expected))


@pytest.mark.parametrize("name", TWO)
def test_rows_that_an_index_tells_apart_are_refused(name: str) -> None:
    targets = pd.Series(TARGETS, index=list("abcdefgh"))
    with pytest.raises(InvalidValues, match="different pandas indices"):
        TWO[name](targets, pd.Series(SCORES, index=list("hgfedcba")))
    TWO[name](targets, SCORES)  # names say no position
    with pytest.warns(IndexIgnored, match="taken by position"):
        TWO[name](pd.Series(TARGETS, index=range(7, -1, -1)), SCORES)


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("wrong", [[str(value) for value in SCORES], [value + 0j for value in TARGETS]])
def test_what_is_no_number_is_refused(name: str, wrong: list[object]) -> None:
    with pytest.raises(InvalidValues, match="real numbers"):
        TWO[name](TARGETS, wrong)


def test_masked_and_infinite_scores_do_not_count() -> None:
    hidden = np.ma.array([1, 2, 3, 4, 5, 6, 7, -1e8], mask=[0, 0, 0, 0, 0, 0, 0, 1])
    found = pb.rank_metrics(TARGETS, hidden)
    assert (found["kendall"], found["answered"]) == (1.0, 7.0)
    found = pb.rank_metrics(TARGETS, [1, 2, 3, 4, 5, 6, math.inf, -math.inf])
    assert (found["kendall"], found["answered"]) == (1.0, 6.0)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=20))
def test_what_is_masked_is_as_good_as_left_out(pairs: list[tuple[int, int]]) -> None:
    y, s = np.array(pairs, dtype=np.float64).T
    more = np.ma.array(np.append(s, [1e8, -1e8]), mask=np.append(s * 0, [1, 1]))
    assert repr(pb.rank_metrics(np.append(y, [0, 100]), more)) == repr(pb.rank_metrics(y, s))


TABLES = {
    "lists": lambda table: table,
    "frame": pd.DataFrame,
    "nullable frame": lambda table: pd.DataFrame(table, dtype="Float64"),
    "masked array": lambda table: np.ma.array(table, mask=np.zeros(np.shape(table), dtype=bool)),
    "generator of rows": iter,
}
ONE = {
    "average_ranks": lambda table: comparison.average_ranks(table).tolist(),
    "friedman": comparison.friedman,
    "critical_difference": lambda table: comparison.critical_difference(table, ["a", "b", "c"]),
    "wilcoxon_pairs": lambda table: comparison.wilcoxon_pairs(table).tolist(),
    "seed_to_seed_tau": lambda table: ceiling.seed_to_seed_tau(table, resamples=5),
    "noise_ceiling": lambda table: ceiling.noise_ceiling(table, resamples=5),
}


@pytest.mark.parametrize("name", ONE)
def test_the_container_does_not_change_what_a_table_says(name: str) -> None:
    table = np.array([[1, 2, 3], [1, 3, 2], [2, 3, 4], [5, 7, 9], [4, 5, 8], [6, 8, 7]], dtype=np.float64)
    expected = repr(ONE[name](table))
    for container, convert in TABLES.items():
        assert (container, repr(ONE[name](convert(table.tolist())))) == (container, expected)


def test_a_table_with_a_masked_cell_is_not_complete() -> None:
    table = np.ma.array([[1.0, 2.0], [3.0, 1.0]], mask=[[False, False], [False, True]])
    with pytest.raises(ValueError, match="finite value of every method"):
        comparison.average_ranks(table)


def test_vectors_of_the_rest() -> None:
    chances = pd.array([0.01, 0.04], dtype="Float64")
    assert comparison.holm(chances).tolist() == comparison.holm([0.01, 0.04]).tolist() == [0.02, 0.04]
    with pytest.raises(ValueError, match="leave undefined ones out"):
        comparison.benjamini_hochberg(np.ma.array([0.01, 0.04], mask=[False, True]))
    assert strata.quantile_strata(pa.array([3, 1, 2, 4]), 2).tolist() == [1, 0, 0, 1]
    assert strata.weighted_mean([1.0, None, 4.0], [1, 5, 2]) == 3.0
    assert curves.relative_improvement(iter([11.0, 13.0]), [10.0]) == 20.0
    assert curves.queries_until_at_random(iter([1.0, 2.0, 3.0]), 0.0) == 2.0
    assert intervals.percentile_interval(2.0, [None, 1.0, 2.0, 3.0]).resamples == 3
    assert intervals.half_interval(iter([1.0, 1.0])) == 0.0
    with pytest.raises(ValueError, match="a top is a positive integer"):
        topk.regret_at_k(TARGETS, SCORES, True)


def test_ranks_take_any_container_and_keep_large_integers() -> None:
    assert mean_ranks(pd.Series([3, 1, 3], dtype="Int64")).tolist() == [2.5, 1.0, 2.5]
    assert dense_ranks([2**60 + 1, 2**60, 2**60 + 1]).tolist() == [2, 1, 2]
    assert dense_ranks([True, False]).tolist() == [2, 1]
    assert tau_b(iter([1, 2, 3]), pa.array([1, 2, 3])) == 1.0
    assert count_pairs([2**60, 2**60 + 1], [0, 1]).tied_first == 0
    with pytest.raises(ValueError, match="1 of 2 values are missing"):
        mean_ranks(np.ma.array([1.0, 2.0], mask=[False, True]))
    with pytest.raises(InvalidValues, match="real numbers"):
        mean_ranks(["1", "2"])
