"""Metrics of the top against hand-worked tables, scikit-learn, and all orders of tied scores written out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from proxybench.ranking.policy import top_size
from proxybench.ranking.topk import (
    best_rank_at_k,
    best_rank_share_at_k,
    expected_best,
    largest_drawn,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    regret_at_k,
)

few = st.integers(2, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
        st.lists(st.integers(0, 2), min_size=n, max_size=n),
        st.integers(1, n),
    )
)


def over_all_orders(metric, target: list[int], score: list[int], k: int) -> float:
    """Mean of a metric of the chosen rows over all orders of rows, ties broken by position."""
    values = []
    for rows in itertools.permutations(range(len(target))):
        ranked = sorted(rows, key=lambda row: -score[row])  # stable
        values.append(metric([target[row] for row in ranked[:k]]))
    return float(np.mean(values))


@settings(max_examples=60)
@given(few)
def test_ties_by_score_are_the_mean_over_all_orders(case: tuple[list[int], list[int], int]) -> None:
    target, score, k = case
    border = sorted(target)[-k]
    held = sum(value >= border for value in target)
    hits = over_all_orders(lambda chosen: sum(value >= border for value in chosen), target, score, k)
    best = over_all_orders(max, target, score, k)
    rank = over_all_orders(lambda chosen: 1 + sum(value > max(chosen) for value in target), target, score, k)
    assert precision_at_k(target, score, k) == pytest.approx(hits / k)
    assert recall_at_k(target, score, k) == pytest.approx(hits / held)
    assert regret_at_k(target, score, k) == pytest.approx(max(target) - best, abs=1e-12)
    assert best_rank_at_k(target, score, k) == pytest.approx(rank)


@settings(max_examples=60)
@given(few)
def test_ndcg_agrees_with_scikit_learn(case: tuple[list[int], list[int], int]) -> None:
    target, score, k = case
    if max(target) == min(target):
        assert math.isnan(ndcg_at_k(target, score, k))
        return
    gain = (np.array(target) - min(target)) / (max(target) - min(target))
    assert ndcg_at_k(target, score, k) == pytest.approx(ndcg_score([gain], [score], k=k))


def test_ndcg_by_hand() -> None:
    # Gains (0, .5, 1) met in the order .5, 1: DCG .5 + 1 / log2 3; ideal 1 + .5 / log2 3.
    expected = (0.5 + 1 / math.log2(3)) / (1 + 0.5 / math.log2(3))
    assert ndcg_at_k([90, 92, 94], [1, 3, 2], 2) == pytest.approx(expected)


def test_constant_scores_are_a_random_choice() -> None:
    target = [1.0, 2.0, 3.0, 4.0]
    assert precision_at_k(target, [7, 7, 7, 7], 1) == pytest.approx(1 / 4)
    assert regret_at_k(target, [7, 7, 7, 7], 1) == pytest.approx(4 - 2.5)
    # Best of two of (1, 2, 3, 4): 4 in 3 of 6 draws, 3 in 2, 2 in 1.
    assert regret_at_k(target, [7, 7, 7, 7], 2) == pytest.approx(4 - (3 * 4 + 2 * 3 + 2) / 6)
    assert best_rank_at_k(target, [7, 7, 7, 7], 2) == pytest.approx((3 * 1 + 2 * 2 + 3) / 6)


def test_precision_of_a_wider_top() -> None:
    # Chosen by score: 94 and 90; the true top 3 are 94, 93, 92.
    target, score = [90.0, 94.0, 93.0, 92.0], [3.0, 4.0, 2.0, 1.0]
    assert precision_at_k(target, score, 2, top=3) == 0.5
    assert recall_at_k(target, score, 2, top=3) == pytest.approx(1 / 3)


def test_a_perfect_ranking_with_ties_in_the_target_is_perfect() -> None:
    target = [1.0, 2.0, 2.0, 2.0, 3.0]
    assert precision_at_k(target, target, 2) == 1.0
    assert regret_at_k(target, target, 1) == 0.0
    assert best_rank_at_k(target, target, 1) == 1.0
    assert ndcg_at_k(target, target, 3) == pytest.approx(1.0)


def test_equal_targets_share_the_lower_rank() -> None:
    assert best_rank_at_k([3, 2, 2, 1], [0, 5, 4, 3], 1) == 2.0


def test_the_share_of_the_best_rank_by_hand() -> None:
    # Ten architectures; the two best by score have the true ranks 4 and 7, so the better one is among the best 40 %.
    target, score = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1], [0, 0, 0, 5, 0, 0, 6, 0, 0, 0]
    assert best_rank_share_at_k(target, score, 0.2) == pytest.approx(0.4)
    assert best_rank_share_at_k(target, score, 0.1) == pytest.approx(0.7)
    assert math.isnan(best_rank_share_at_k(target, score, 11))
    assert math.isnan(best_rank_share_at_k([], [], 0.1))


@pytest.mark.parametrize(
    ("top", "n", "size"), [(10, 3, 10), (0.01, 9445, 94), (0.29, 100, 29), (0.1, 5, 1), (1.0, 7, 7)]
)
def test_sizes_of_tops(top: float, n: int, size: int) -> None:
    assert top_size(top, n) == size


@pytest.mark.parametrize("top", [0, -1, 1.5, 0.0, math.nan])
def test_impossible_tops_are_refused(top: float) -> None:
    with pytest.raises(ValueError, match="a top is"):
        top_size(top, 10)


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_order_statistics_by_binomials(case: tuple[int, int]) -> None:
    n, drawn = case
    expected = [math.comb(n - j, drawn - 1) / math.comb(n, drawn) for j in range(1, n + 1)]
    np.testing.assert_allclose(largest_drawn(n, drawn), expected, atol=1e-14)


def test_the_best_sure_architecture_bounds_the_tied_ones() -> None:
    # One is sure (target 5), then one of (9, 1): 9 or 5, half each.
    assert expected_best(np.array([5.0, 9.0, 1.0]), np.array([2.0, 1.0, 1.0]), 2) == pytest.approx(7.0)
