"""Comparison of methods against Demsar's worked example (JMLR 2006, section 3.2), scipy and hand-worked cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from proxybench.ranking.comparison import (
    average_ranks,
    benjamini_hochberg,
    critical_difference,
    friedman,
    holm,
    mann_whitney,
    nemenyi_difference,
    rank_groups,
    wilcoxon_pairs,
)

# Average ranks of four variants of C4.5 on 14 data sets.
RANKS = {"C4.5+m+cf": 1.964, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5": 3.143}
values = st.lists(st.lists(st.integers(0, 5), min_size=4, max_size=4), min_size=2, max_size=12)
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@pytest.mark.parametrize(("alpha", "expected"), [(0.05, 1.25), (0.10, 1.12)])
def test_critical_difference_of_demsar(alpha: float, expected: float) -> None:
    assert nemenyi_difference(4, 14, alpha) == pytest.approx(expected, abs=5e-3)


def test_quantiles_of_demsar_table_5() -> None:
    # q = CD / sqrt(k (k + 1) / 6 N) for k = 2 .. 10 at .05.
    table = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]
    found = [nemenyi_difference(k, 1) / math.sqrt(k * (k + 1) / 6) for k in range(2, 11)]
    assert found == pytest.approx(table, abs=1.1e-3)


def test_groups_of_demsar() -> None:
    # At .05 the test is not powerful enough; at .10 C4.5 differs from both variants with tuned m.
    assert rank_groups(RANKS, nemenyi_difference(4, 14, 0.05)) == (("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"),)
    assert rank_groups(RANKS, nemenyi_difference(4, 14, 0.10)) == (
        ("C4.5+m+cf", "C4.5+m", "C4.5+cf"),
        ("C4.5+cf", "C4.5"),
    )


def test_friedman_by_hand() -> None:
    # Ranks (1, 2, 3), (1, 3, 2), (1, 2, 3): rank sums 3, 7, 8, so 12 / (3 * 3 * 4) (9 + 49 + 64) - 3 * 3 * 4 = 14 / 3.
    found = friedman([[9, 8, 7], [9, 7, 8], [9, 8, 7]])
    assert found.ranks == pytest.approx((1, 7 / 3, 8 / 3))
    assert found.chi_square == pytest.approx(14 / 3)
    assert found.f == pytest.approx(2 * (14 / 3) / (3 * 2 - 14 / 3))


def test_tied_methods_share_the_mean_rank() -> None:
    assert average_ranks([[5, 5, 1], [4, 2, 3]]).tolist() == [1.25, 2.25, 2.5]


def test_a_critical_difference_lists_the_best_first() -> None:
    found = critical_difference([[1, 2, 3], [1, 3, 2], [1, 2, 3], [1, 2, 3]] * 5, ("a", "b", "c"))
    assert found.ranks == {"c": 1.25, "b": 1.75, "a": 3.0}
    assert found.groups == (("c", "b"),)
    assert (found.tasks, found.alpha) == (20, 0.05)


def test_methods_that_tie_everywhere_have_no_statistic() -> None:
    assert math.isnan(friedman([[1, 1, 1], [2, 2, 2]]).chi_square)


def test_a_perfect_order_is_as_significant_as_can_be() -> None:
    found = friedman([[3, 2, 1]] * 5)
    assert found.ranks == (1, 2, 3)
    assert found.f == math.inf
    assert found.f_p_value == 0


@pytest.mark.parametrize("methods", [2, 3, 10, 120])
@pytest.mark.parametrize("alpha", [0.1, 0.05, 0.001])
def test_the_critical_difference_is_that_of_scipys_studentised_range(methods: int, alpha: float) -> None:
    quantile = stats.studentized_range.ppf(1 - alpha, methods, math.inf)
    expected = quantile / math.sqrt(2) * math.sqrt(methods * (methods + 1) / (6 * 20))
    assert nemenyi_difference(methods, 20, alpha) == pytest.approx(expected, rel=1e-11)


@given(values)
def test_friedman_agrees_with_scipy(rows: list[list[int]]) -> None:
    table = np.array(rows, dtype=float)
    if (table == table[:, :1]).all():
        return
    assert friedman(table).chi_square == pytest.approx(stats.friedmanchisquare(*table.T).statistic, abs=1e-9)


def test_groups_overlap_as_lines_of_the_diagram() -> None:
    ranks = {"a": 1.0, "b": 1.5, "c": 2.2, "d": 4.0}
    assert rank_groups(ranks, 1.0) == (("a", "b"), ("b", "c"))
    assert rank_groups(ranks, 5.0) == (("a", "b", "c", "d"),)
    assert rank_groups(ranks, 0.1) == ()


def test_a_difference_as_large_as_the_critical_one_is_significant() -> None:
    assert rank_groups({"a": 1.0, "b": 2.0}, 1.0) == ()


def test_missing_values_are_refused() -> None:
    with pytest.raises(ValueError, match="finite value of every method on every task"):
        friedman([[1, 2], [math.nan, 2]])


def test_names_must_match_methods() -> None:
    with pytest.raises(ValueError, match="3 methods"):
        critical_difference([[1, 2, 3]], ("a", "b"))


def test_wilcoxon_of_a_pair_by_hand() -> None:
    # Five differences of one sign: 2 of the 2^5 sign patterns are as extreme, p = 1 / 16.
    found = wilcoxon_pairs([[1, 2.0], [1, 3.1], [1, 4.3], [1, 5.6], [1, 7.0]])
    assert found[0, 1] == found[1, 0] == pytest.approx(1 / 16)
    assert found[0, 0] == 1


def test_wilcoxon_pairs_are_adjusted_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(12, 3)) + np.array([0, 0.5, 1.5])
    raw = [stats.wilcoxon(table[:, a] - table[:, b]).pvalue for a, b in ((0, 1), (0, 2), (1, 2))]
    found = wilcoxon_pairs(table)
    np.testing.assert_allclose([found[0, 1], found[0, 2], found[1, 2]], holm(raw))


def test_equal_methods_do_not_differ() -> None:
    assert wilcoxon_pairs([[1, 1], [2, 2]])[0, 1] == 1


def test_holm_by_hand() -> None:
    # .01 x 3, .02 x 2, then .03 x 1 raised to the one before.
    assert holm([0.02, 0.01, 0.03]).tolist() == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.5, 0.6]).tolist() == [1.0, 1.0]


@given(p_values)
def test_benjamini_hochberg_agrees_with_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), atol=1e-12)


@given(p_values)
def test_adjusted_p_values_are_ordered(p: list[float]) -> None:
    raw, bh, family = np.array(p), benjamini_hochberg(p), holm(p)
    assert (raw <= bh + 1e-12).all()
    assert (bh <= family + 1e-12).all()
    assert (np.diff(family[np.argsort(raw, kind="stable")]) >= 0).all()


def test_undefined_p_values_are_refused() -> None:
    with pytest.raises(ValueError, match="leave undefined ones out"):
        holm([0.1, math.nan])


def test_mann_whitney_by_hand() -> None:
    # 4 exceeds two of (1, 2, 5); 5 exceeds two and ties with one; 6 and 7 exceed all three.
    found = mann_whitney([4, 5, 6, 7], [1, 2, 5])
    assert found.u == 2 + 2.5 + 3 + 3
    assert found.share == pytest.approx(10.5 / 12)
    # Without ties the p-value is exact: 2 of the 10 ways to choose two of five ranks are as extreme as (4, 5).
    assert mann_whitney([8, 9], [1, 2, 3]).p_value == pytest.approx(2 / 10)
    assert mann_whitney([1, 2, 3], [8, 9]).share == 0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_mann_whitney_of_samples_in_the_other_order(first: list[int], second: list[int]) -> None:
    one, other = mann_whitney(first, second), mann_whitney(second, first)
    assert one.share + other.share == pytest.approx(1)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.u == sum((a > b) + (a == b) / 2 for a in first for b in second)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [[1.0, 2.0]]])
def test_mann_whitney_needs_finite_numbers(values: object) -> None:
    with pytest.raises(ValueError, match="Mann-Whitney U test needs"):
        mann_whitney(values, [1.0, 2.0])
