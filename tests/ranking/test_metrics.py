"""Rank metrics against tables worked out by hand, scipy, and the laws they must obey."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from proxybench.errors import UnknownName
from proxybench.ranking.correlation import kendall, kendall_a, kendall_top, pearson, spearman
from proxybench.ranking.metrics import LEADERBOARD, TOP_SLICES, get_metric, rank_metrics
from proxybench.ranking.topk import precision_at_k, regret_at_k

small = st.lists(st.integers(-5, 5), min_size=2, max_size=30)
pairs = small.flatmap(
    lambda xs: st.tuples(st.just(xs), st.lists(st.integers(-5, 5), min_size=len(xs), max_size=len(xs)))
)
CORRELATIONS = (kendall, kendall_a, spearman, pearson)
RANK_CORRELATIONS = (kendall, kendall_a, spearman)


def floats(xy: tuple[list[int], list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(xy[0], dtype=float), np.array(xy[1], dtype=float)


def test_kendall_by_hand() -> None:
    # Pairs of (1, 2, 3, 4) against (1, 3, 2, 4): five concordant, one discordant; tau = 4 / 6.
    assert kendall([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(4 / 6)


def test_kendall_with_a_tie_by_hand() -> None:
    # Scores (1, 1, 2): one pair tied in the scores, two concordant; tau-b = 2 / sqrt(3 * 2), tau-a = 2 / 3.
    assert kendall([1, 2, 3], [1, 1, 2]) == pytest.approx(2 / math.sqrt(6))
    assert kendall_a([1, 2, 3], [1, 1, 2]) == pytest.approx(2 / 3)


def test_spearman_by_hand() -> None:
    # Rank differences (0, 1, 1, 0): rho = 1 - 6 * 2 / (4 * 15).
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)


def test_pearson_by_hand() -> None:
    # Centred (-1, 0, 1) and (-1, -1, 2): product 3, squares 2 and 6.
    assert pearson([1, 2, 3], [0, 0, 3]) == pytest.approx(3 / math.sqrt(12))


def test_pearson_of_huge_scores_does_not_overflow() -> None:
    assert pearson([1, 2, 3], [1e300, 2e300, 3e300]) == pytest.approx(1.0)


def test_kendall_among_the_true_top_by_hand() -> None:
    # The top half by target is (3, 4), whose scores are the wrong way round; all six pairs give (4 - 2) / 6.
    assert kendall_top([1, 2, 3, 4], [1, 2, 4, 3], 0.5) == -1.0
    assert kendall([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)


def test_the_slices_of_the_top_by_hand() -> None:
    """Twenty architectures, ranked rightly except that the best four are in the order 3, 4, 2, 1 (1 is the best)."""
    target = np.arange(20, 0, -1)
    score = np.array([17, 18, 20, 19, *range(16, 0, -1)])
    found = rank_metrics(target, score)
    # Of the six pairs of the true top 20 percent, (3, 4) alone is in order; a top of one has no pair.
    assert found["kendall_top_20_percent"] == pytest.approx((1 - 5) / 6)
    assert found["kendall_top_10_percent"] == -1
    assert math.isnan(found["kendall_top_5_percent"])
    # The best two by score are 3 and 4, the best one is 3.
    assert found["precision_at_10_percent"] == found["precision_at_5_percent"] == 0
    assert found["best_rank_share_at_10_percent"] == found["best_rank_share_at_5_percent"] == 3 / 20
    # Gains 17/19 and 16/19 where 19/19 and 18/19 were possible.
    ideal = 1 + 18 / 19 / math.log2(3)
    assert found["ndcg_at_10_percent"] == pytest.approx((17 / 19 + 16 / 19 / math.log2(3)) / ideal)


def test_the_true_top_takes_all_that_tie_with_its_last() -> None:
    # The top 2 by target are (4, 3, 3): three architectures, two of the three pairs differ in target, one each way.
    assert kendall_top([1, 3, 3, 4], [0, 5, 1, 2], 2) == pytest.approx(0.0)


def test_top_of_the_ranking_by_hand() -> None:
    target = [90.0, 94.0, 93.0, 92.0]
    score = [1.0, 2.0, 4.0, 3.0]  # ranks 93 first, then 92, then 94
    assert precision_at_k(target, score, 2) == 0.5
    assert regret_at_k(target, score, 1) == pytest.approx(1.0)
    assert regret_at_k(target, score, 3) == 0.0


def test_nan_scores_are_left_out_and_counted() -> None:
    metrics = rank_metrics([1, 2, 3, 4, 5], [1, math.nan, 3, math.inf, 5])
    assert metrics["answered"] == 3
    assert metrics["kendall"] == 1.0


def test_nan_targets_are_left_out_and_counted() -> None:
    assert rank_metrics([1, math.nan, 3], [1, 2, 3])["answered"] == 2


@pytest.mark.parametrize("score", [[1, 1, 1], [math.nan] * 3, [math.nan, 2, math.nan]])
@pytest.mark.parametrize("metric", CORRELATIONS)
def test_undefined_correlations_are_nan(metric, score: list[float]) -> None:
    assert math.isnan(metric([1, 2, 3], score))


def test_too_few_for_the_top_is_nan() -> None:
    assert math.isnan(rank_metrics([1, 2, 3], [1, 2, 3])["precision_at_10"])


def test_nothing_answered_gives_nan_in_all_metrics() -> None:
    metrics = rank_metrics([1, 2, 3], [math.nan] * 3)
    assert metrics.pop("answered") == 0
    assert all(math.isnan(value) for value in metrics.values())


def test_vectors_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        rank_metrics([1, 2, 3], [1, 2])


def test_a_leaderboard_row_has_every_metric() -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(size=200)
    metrics = rank_metrics(target, target)
    assert list(metrics) == [*LEADERBOARD, *TOP_SLICES, "answered"]
    assert metrics == pytest.approx(
        {
            **dict.fromkeys((*LEADERBOARD, *TOP_SLICES), 1.0),
            **{f"best_rank_share_at_{percent}_percent": 1 / 200 for percent in (1, 5, 10)},
            "regret_at_1": 0.0,
            "regret_at_10": 0.0,
            "answered": 200.0,
        }
    )


def test_a_name_gives_the_size_of_the_top() -> None:
    assert get_metric("precision_at_25").top == 25
    assert get_metric("kendall_top_5_percent").top == 0.05
    assert get_metric("spearman").top is None


@pytest.mark.parametrize(
    "name", ["kendal", "precision_at_0", "precision_at_", "kendall_at_10", "regret_at_101_percent"]
)
def test_an_unknown_metric_is_refused_with_the_valid_names(name: str) -> None:
    with pytest.raises(UnknownName, match="precision_at_K"):
        get_metric(name)


@given(pairs)
def test_monotone_maps_change_nothing(xy: tuple[list[int], list[int]]) -> None:
    x, y = floats(xy)
    for metric in RANK_CORRELATIONS:
        np.testing.assert_allclose(metric(x, np.exp(y)), metric(x, y), atol=1e-12)
        np.testing.assert_allclose(metric(np.exp(x), y), metric(x, y), atol=1e-12)


@given(pairs)
def test_negation_turns_the_sign(xy: tuple[list[int], list[int]]) -> None:
    x, y = floats(xy)
    for metric in CORRELATIONS:
        np.testing.assert_allclose(metric(x, -y), -metric(x, y), atol=1e-12)


@given(pairs)
def test_correlations_are_symmetric(xy: tuple[list[int], list[int]]) -> None:
    x, y = floats(xy)
    for metric in CORRELATIONS:
        np.testing.assert_allclose(metric(y, x), metric(x, y), atol=1e-12)


@given(pairs, st.randoms(use_true_random=False))
def test_order_of_architectures_does_not_matter(xy: tuple[list[int], list[int]], random) -> None:
    x, y = floats(xy)
    order = list(range(len(x)))
    random.shuffle(order)
    before, after = rank_metrics(x, y), rank_metrics(x[order], y[order])
    np.testing.assert_allclose(list(after.values()), list(before.values()), atol=1e-12)


@given(pairs)
def test_agrees_with_scipy(xy: tuple[list[int], list[int]]) -> None:
    x, y = floats(xy)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert math.isnan(kendall(x, y))
        return
    assert kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)
    assert spearman(x, y) == pytest.approx(stats.pearsonr(stats.rankdata(x), stats.rankdata(y)).statistic)
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)


@given(pairs)
def test_kendall_a_counts_pairs(xy: tuple[list[int], list[int]]) -> None:
    x, y = floats(xy)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    signs = [np.sign((a - b) * (c - d)) for (a, c), (b, d) in itertools.combinations(zip(x, y, strict=True), 2)]
    assert kendall_a(x, y) == pytest.approx(float(np.mean(signs)), abs=1e-12)


def test_no_metric_and_no_ceiling_loads_what_takes_long() -> None:
    code = (
        "import sys, numpy as np\n"
        "from proxybench.ranking.ceiling import noise_ceiling\n"
        "from proxybench.ranking.comparison import friedman\n"
        "from proxybench.ranking.metrics import rank_metrics\n"
        "table = np.random.default_rng(0).normal(size=(40, 3)) + np.arange(40)[:, None]\n"
        "rank_metrics(table[:, 0], table[:, 1]), friedman(table), noise_ceiling(table, resamples=10)\n"
        "slow = {'scipy.stats', 'scipy.optimize', 'scipy.ndimage', 'numba'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_light() -> None:
    code = (
        "import sys, proxybench.ranking.kendall, proxybench.ranking.ceiling, proxybench.ranking.comparison\n"
        "heavy = {'numba', 'scipy', 'sklearn', 'torch', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
