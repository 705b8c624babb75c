"""Ranks with ties and counts of pairs: worked out by hand, and against scipy."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from predictors.ranks import count_pairs, dense_ranks, inversions, mean_ranks, tau_b

finite = st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=False, allow_infinity=False))
two_vectors = st.lists(st.tuples(finite, finite), max_size=40).map(lambda rows: np.array(rows).reshape(-1, 2).T)


def test_mean_and_dense_ranks_by_hand() -> None:
    assert mean_ranks([30, 10, 30, 20]).tolist() == [3.5, 1.0, 3.5, 2.0]
    assert dense_ranks([30, 10, 30, 20]).tolist() == [3, 1, 3, 2]


def test_pairs_by_hand() -> None:
    # a (1, 1), b (1, 2), c (2, 1), d (2, 1): ab and cd tie in the first value, ac, ad and cd in the second, bc and bd
    # are the wrong way round.
    pairs = count_pairs([1, 1, 2, 2], [1, 2, 1, 1])
    assert pairs == (6, 2, 2, 3, 1)
    assert pairs.balance == -2
    assert tau_b([1, 1, 2, 2], [1, 2, 1, 1]) == pytest.approx(-2 / math.sqrt(4 * 3))


@given(st.lists(finite, max_size=40))
def test_ranks_are_those_of_scipy(values: list[float]) -> None:
    np.testing.assert_array_equal(mean_ranks(values), rankdata(values))
    np.testing.assert_array_equal(dense_ranks(values), rankdata(values, method="dense"))


@given(two_vectors)
def test_tau_is_that_of_scipy(vectors: np.ndarray) -> None:
    first, second = vectors
    expected = kendalltau(first, second).statistic if len(first) > 1 else math.nan
    assert tau_b(first, second) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("n", [2, 3, 1023, 1024, 1025, 20_000])
@pytest.mark.parametrize("values", [2, 50, 10**9])
def test_tau_of_many_is_that_of_scipy(n: int, values: int) -> None:
    rng = np.random.default_rng(n)
    first = rng.integers(0, values, n)
    second = first + rng.integers(0, values, n)
    assert tau_b(first, second) == pytest.approx(kendalltau(first, second).statistic, abs=1e-12, nan_ok=True)


@given(st.permutations(range(37)), st.integers(1, 37))
def test_inversions_are_the_pairs_out_of_order(order: list[int], n: int) -> None:
    chosen = [number for number in order if number < n]
    assert inversions(np.array(chosen)) == sum(a > b for a, b in itertools.combinations(chosen, 2))


def test_the_pairs_of_a_million_are_counted_exactly() -> None:
    n = 1_000_000
    turned = np.arange(n).reshape(-1, 1000)[:, ::-1].ravel()  # runs of 1,000 turned round: 1,000 times 499,500 pairs
    assert count_pairs(np.arange(n), turned) == (499_999_500_000, 499_500_000, 0, 0, 0)
    assert count_pairs(np.arange(n) // 1000, -np.arange(n)).balance == -(499_999_500_000 - 499_500_000)


@pytest.mark.parametrize("n", [2, 3, 5, 6, 1000, 200_000])
def test_tau_of_equal_orders_is_exactly_one(n: int) -> None:
    assert (tau_b(np.arange(n), np.arange(n)), tau_b(np.arange(n), -np.arange(n))) == (1.0, -1.0)


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0, 2.0]])
def test_tau_that_is_not_defined_is_nan(values: list[float]) -> None:
    assert math.isnan(tau_b(values, values))
    assert math.isnan(tau_b(values, np.arange(len(values))))


def test_infinite_numbers_have_ranks() -> None:
    assert mean_ranks([math.inf, -math.inf, 0.0, math.inf]).tolist() == [3.5, 1.0, 2.0, 3.5]


def test_negative_zero_ties_with_zero() -> None:
    assert mean_ranks([0.0, -0.0, 1.0]).tolist() == [1.5, 1.5, 3.0]


def test_what_has_no_rank_is_refused() -> None:
    with pytest.raises(ValueError, match="without NaN"):
        mean_ranks([1.0, math.nan])
    with pytest.raises(ValueError, match="vector"):
        dense_ranks([[1.0, 2.0]])
    with pytest.raises(ValueError, match="same length, not 2 and 1"):
        tau_b([1.0, 2.0], [1.0])


def test_scipy_is_not_loaded() -> None:
    code = "import sys, predictors.ranks as r; r.tau_b([1, 2], [1, 2]); assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
