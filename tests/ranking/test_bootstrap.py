"""Bootstrap of many columns: compiled against uncompiled, scipy, and the laws of a paired bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from proxybench.errors import UnknownName
from proxybench.ranking import bootstrap as module
from proxybench.ranking.bootstrap import bootstrap, bootstrap_metrics, bootstrap_within_strata
from proxybench.ranking.correlation import kendall
from proxybench.ranking.kendall import kendall_bootstrap, kendall_many
from proxybench.ranking.metrics import LEADERBOARD, get_metric
from proxybench.ranking.resampling import resample
from proxybench.ranking.strata import within_strata

METRICS = (
    *LEADERBOARD,
    "precision_at_1",
    "ndcg_at_25_percent",
    "best_rank_at_3",
    "best_rank_share_at_3",
    "best_rank_share_at_20_percent",
    "kendall_top_5",
    "recall_at_100_percent",
)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the compiled kernels whatever the size."""
    monkeypatch.setattr(module, "COMPILED_FROM", 0)


def table(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A target with ties and six columns: no ties, two values, many ties, a third NaN, constant, all NaN."""
    rng = np.random.default_rng(seed)
    target = np.round(rng.normal(90, 3, n), 1)
    scores = target[:, None] + rng.normal(0, 4, (n, 6))
    scores[:, 1] = scores[:, 1] > 90
    scores[:, 2] = np.round(scores[:, 2])
    scores[rng.random(n) < 1 / 3, 3] = np.nan
    scores[:, 4] = 7
    scores[:, 5] = np.nan
    return target, scores


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("n", [1, 2, 7, 120])
def test_compiled_and_uncompiled_agree(n: int) -> None:
    target, scores = table(n)
    fast = bootstrap_metrics(target, scores, METRICS, resamples=70)
    for name in METRICS:
        slow = bootstrap(target, scores, get_metric(name), resamples=70)
        np.testing.assert_allclose(fast[name], slow, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.usefixtures("compiled")
@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-2, 2)), min_size=1, max_size=15),
)
def test_compiled_and_uncompiled_agree_on_ties(rows: list[tuple[int, int]]) -> None:
    target, score = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    metrics = ("kendall", "kendall_a", "spearman", "pearson", "regret_at_2", "best_rank_at_2", "ndcg_at_3")
    fast = bootstrap_metrics(target, score, metrics, resamples=10)
    for name in metrics:
        slow = bootstrap(target, score, get_metric(name), resamples=10)
        np.testing.assert_allclose(fast[name], slow, rtol=1e-10, atol=1e-12, err_msg=name)


def test_the_caller_may_say_whether_kernels_are_compiled() -> None:
    target, scores = table(50)
    fast, slow = (bootstrap_metrics(target, scores, resamples=5, compiled=choice) for choice in (True, False))
    for name in fast:
        np.testing.assert_allclose(fast[name], slow[name], rtol=1e-10, atol=1e-12, err_msg=name)


def test_loading_kernels_is_weighed_against_all_of_the_work() -> None:
    # From 3 million values x (rows + 1,000): for 200 resamples of three pairs of seeds of 9,445 cells, not of one pair.
    assert module.worth_compiling(3 * 200, 9445)
    assert not module.worth_compiling(200, 9445)


def test_every_value_is_that_of_scipy() -> None:
    target, scores = table(3000)
    draws = kendall_bootstrap(target, scores[:, :3], resamples=400)
    for number in (0, 63, 64, 399):
        rows = resample(3000, 0, number)
        expected = [kendalltau(scores[rows, column], target[rows]).statistic for column in range(3)]
        np.testing.assert_allclose(draws[number], expected, rtol=0, atol=1e-12)


def test_counts_that_need_more_than_sixteen_bits() -> None:
    target, scores = table(33_000)
    draws = bootstrap_metrics(target, scores[:, 0], ("kendall", "spearman"), resamples=40)
    rows = resample(33_000, 0, 39)
    for name in ("kendall", "spearman"):
        assert draws[name][39, 0] == pytest.approx(get_metric(name)(target[rows], scores[rows, 0]), abs=1e-12)


def test_the_number_of_threads_changes_nothing() -> None:
    target, scores = table(2000)
    one, two = (bootstrap_metrics(target, scores, resamples=130, threads=threads) for threads in (1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


@pytest.mark.usefixtures("compiled")
def test_a_resample_does_not_depend_on_how_many_are_made() -> None:
    target, scores = table(200)
    few, many = (kendall_bootstrap(target, scores, resamples) for resamples in (10, 100))
    np.testing.assert_array_equal(few, many[:10])


@pytest.mark.usefixtures("compiled")
def test_equal_columns_see_equal_resamples() -> None:
    target, scores = table(200)
    draws = kendall_bootstrap(target, np.column_stack([scores[:, 0], scores[:, 0], -scores[:, 0]]), 100)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])
    np.testing.assert_array_equal(draws[:, 0], -draws[:, 2])


def test_another_seed_gives_other_resamples() -> None:
    target, scores = table(50)
    first, second = (kendall_bootstrap(target, scores[:, 0], 20, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_many_columns_at_once_are_the_single_ones() -> None:
    target, scores = table(100)
    expected = [kendall(target, scores[:, column]) for column in range(6)]
    np.testing.assert_array_equal(kendall_many(target, scores), expected)
    assert math.isnan(expected[4])


@pytest.mark.parametrize("metric", ["kendall", "spearman"])
def test_within_strata_under_bootstrap(metric: str) -> None:
    target, scores = table(300)
    strata = np.where(np.arange(300) < 5, np.nan, np.arange(300) % 4)
    draws = bootstrap_within_strata(target, scores, strata, metric, resamples=12)
    for number in (0, 11):
        rows = resample(300, 0, number)
        for column in range(6):
            within = within_strata(target[rows], scores[rows, column], strata[rows], get_metric(metric))
            np.testing.assert_allclose(draws[number, column], within.mean, atol=1e-12)


def test_scores_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="targets' n"):
        bootstrap_metrics([1, 2, 3], [[1], [2]])


def test_no_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one architecture"):
        kendall_bootstrap([], [])


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UnknownName):
        bootstrap_metrics([1, 2], [1, 2], ("tau",))
