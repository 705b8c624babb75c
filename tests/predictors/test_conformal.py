"""Conformal intervals: the quantile by hand, its law, and what intervals around predictors cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictors import Conformal, check_predictor, make
from predictors.checks import example_batch
from predictors.conformal import conformal_quantile
from predictors.errors import NotFitted

BATCH, TARGETS = example_batch(260, seed=3)
NOISY = TARGETS + np.random.default_rng(0).normal(0, TARGETS.std() / 2, len(TARGETS))


class Constant:
    """Predicts one number, whatever it learns from."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def fit(self, X: object, y: object) -> Constant:
        return self

    def predict(self, X: object) -> np.ndarray:
        return np.full(len(X), self.value)


def test_the_quantile_by_hand() -> None:
    # n = 9: k = ceil(10 * 0.9) = 9, ceil(10 * 0.8) = 8, ceil(10 * 0.85) = ceil(8.5) = 9, ceil(10 * 0.5) = 5.
    scores = np.array([30.0, 10, 20, 50, 40, 70, 60, 90, 80])
    assert [conformal_quantile(scores, level) for level in (0.9, 0.8, 0.85, 0.5)] == [90, 80, 90, 50]
    # k = ceil(10 * 0.95) = 10 is above n: nine scores do not say where 95 percent end, nineteen do.
    assert conformal_quantile(scores, 0.95) == math.inf
    assert conformal_quantile(np.arange(19.0), 0.95) == 18


def test_a_product_that_is_whole_but_for_rounding_is_whole() -> None:
    assert 100 * 0.07 > 7  # in floating point
    assert conformal_quantile(np.arange(1.0, 100), 0.07) == 7


@given(st.lists(st.integers(), min_size=2, max_size=40, unique=True), st.floats(0.01, 0.99))
def test_of_n_plus_1_scores_exactly_k_are_covered_by_the_n_others(scores: list[int], level: float) -> None:
    # Exchangeable scores are equally likely to be the new one, so this is the law of coverage, without chance.
    numbers = np.array(scores, dtype=np.float64)
    if len(np.unique(numbers)) < len(scores):
        return
    covered = [numbers[i] <= conformal_quantile(np.delete(numbers, i), level) for i in range(len(numbers))]
    k = math.ceil(len(numbers) * level - 1e-9)
    assert sum(covered) == k
    assert level <= k / len(numbers) + 1e-9
    assert k / len(numbers) < level + 1 / len(numbers)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.floats(0.01, 0.99))
def test_with_ties_at_least_as_many_are_covered(scores: list[int], level: float) -> None:
    numbers = np.array(scores, dtype=np.float64)
    covered = [numbers[i] <= conformal_quantile(np.delete(numbers, i), level) for i in range(len(numbers))]
    assert np.mean(covered) >= level - 1e-9


def test_the_interval_by_hand() -> None:
    # Residuals of a prediction of 5 on the two architectures kept out of four: with level 0.6, k = ceil(3 * 0.6) = 2.
    targets = np.array([4.0, 6.0, 9.0, 1.0])
    model = Conformal(predictor=Constant(5.0), share=0.5).fit(BATCH[:4], targets)
    held = np.sort(np.random.default_rng(0).permutation(4)[:2])
    largest = np.abs(targets[held] - 5).max()
    assert model.predict_interval(BATCH[:2], 0.6).tolist() == [[5 - largest, 5 + largest]] * 2
    assert model.predict(BATCH[:2]).tolist() == [5, 5]


@pytest.mark.parametrize("name", ["ridge", "gp"])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_intervals_cover_new_architectures_whatever_the_split(name: str, level: float) -> None:
    # 20 splits, 39 kept out, 160 new: coverage of a split varies by sqrt(level (1 - level) (1 / 40 + 1 / 160)), at most
    # 0.09, and the mean of 20 by 0.02.
    shares = []
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(BATCH))
        train, test = order[:100], order[100:]
        model = Conformal(predictor=make(name), share=0.39, random_state=seed).fit(BATCH[train], NOISY[train])
        low, high = model.predict_interval(BATCH[test], level).T
        shares.append(((low <= NOISY[test]) & (NOISY[test] <= high)).mean())
    assert level - 0.06 < np.mean(shares) < level + 1 / 40 + 0.06


def test_a_predictor_with_deviations_has_intervals_of_different_widths() -> None:
    model = Conformal(predictor=make("gp")).fit(BATCH[:100], NOISY[:100])
    low, high = model.predict_interval(BATCH[100:]).T
    deviations = model.predictor_.predict_std(BATCH[100:])
    np.testing.assert_allclose((high - low) / deviations, (high - low)[0] / deviations[0])
    assert deviations.max() > 1.05 * deviations.min()


def test_the_predictor_does_not_learn_from_the_architectures_kept_out() -> None:
    changed = NOISY[:40].copy()
    held = np.random.default_rng(0).permutation(40)[:10]
    changed[held] += 1000
    one, other = (Conformal(predictor=make("ridge")).fit(BATCH[:40], targets) for targets in (NOISY[:40], changed))
    np.testing.assert_array_equal(one.predict(BATCH[40:]), other.predict(BATCH[40:]))
    assert other.scores_.min() > 900


def test_it_keeps_the_contract_of_predictors() -> None:
    check_predictor(lambda: Conformal(predictor=make("ridge")))


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(NotFitted, match="fit"):
        Conformal(predictor=make("ridge")).predict_interval(BATCH)
    with pytest.raises(ValueError, match="keeps 0 out"):
        Conformal(predictor=make("ridge"), share=0.01).fit(BATCH[:10], NOISY[:10])
    with pytest.raises(ValueError, match="level is 95"):
        conformal_quantile(np.arange(9.0), 95)
