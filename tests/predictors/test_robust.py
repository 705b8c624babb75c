"""Weighted combinations of metrics: normalisation by hand, and weights with the signs of the training targets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from predictors import ArchBatch, ArchGraph, check_predictor
from predictors.checks import example_batch
from predictors.errors import NotFitted, UnknownName
from predictors.robust import SCALES, Normaliser, Robust

E = np.e


def scaled(scale: str, values: list[float], missing: str = "middle", new: list[float] | None = None) -> list[float]:
    reference = np.array(values, dtype=float)[:, None]
    asked = reference if new is None else np.array(new, dtype=float)[:, None]
    return Normaliser(scale, missing).fit(reference).transform(asked)[:, 0].tolist()


def batch(columns: dict[str, np.ndarray]) -> ArchBatch:
    graph = ArchGraph("example", ("input", "conv", "output"), ((0, 1), (1, 2)))
    return ArchBatch([graph] * len(next(iter(columns.values()))), columns)


def test_minmax_divides_by_the_range() -> None:
    assert scaled("minmax", [-1, 0, 3]) == [0, 0.25, 1]
    assert scaled("minmax", [0, 2], new=[1, 4, -2]) == [0.5, 2, -1]


def test_rank_is_the_share_below_with_ties_half() -> None:
    assert scaled("rank", [10, 20, 20, 40]) == [0.125, 0.5, 0.5, 0.875]
    assert scaled("rank", [10, 20, 20, 40], new=[5, 15, 99]) == [0, 0.25, 1]


def test_signed_log_tames_both_tails() -> None:
    assert scaled("signed_log", [1 - E, 0, E - 1, E**3 - 1]) == pytest.approx([0, 0.25, 0.5, 1])


def test_missing_values_are_the_middle_or_a_left_out_term() -> None:
    assert scaled("minmax", [0, 1, 4, np.nan]) == pytest.approx([0, 0.25, 1, 1.25 / 3])
    assert scaled("minmax", [0, 1, 4, np.nan], "skip") == [0, 0.25, 1, 0]
    assert scaled("rank", [0, 1, np.inf, -np.inf]) == [0.25, 0.75, 0.5, 0.5]


@pytest.mark.parametrize("scale", SCALES)
def test_a_metric_that_says_nothing_is_nothing(scale: str) -> None:
    assert scaled(scale, [np.nan, np.nan], new=[1, np.nan]) == [0, 0]
    assert scaled(scale, [3, 3, np.nan]) == [0, 0, 0]


@given(arrays(float, st.tuples(st.integers(1, 12), st.integers(1, 3))), st.sampled_from(SCALES))
def test_the_reference_lands_between_0_and_1_in_order(metrics: np.ndarray, scale: str) -> None:
    normalised = Normaliser(scale).fit(metrics).transform(metrics)
    assert ((normalised >= 0) & (normalised <= 1)).all()
    for before, after in zip(metrics.T, normalised.T, strict=True):
        finite = np.flatnonzero(np.isfinite(before))
        assert (np.diff(after[finite[np.argsort(before[finite])]]) >= 0).all()


def test_unknown_scales_and_rules_are_refused() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'rank'"):
        Normaliser("ranks")
    with pytest.raises(UnknownName, match="Did you mean 'middle'"):
        Robust(missing="midle").fit(*example_batch(5))


def test_the_contract_is_kept() -> None:
    check_predictor(Robust)


def test_held_out_architectures_are_ranked() -> None:
    X, y = example_batch(300, seed=1)
    assert Robust().fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.6


def test_weights_have_the_signs_of_the_training_targets() -> None:
    random = np.random.default_rng(0)
    good, bad, noise = random.random((3, 60))
    X = batch({"proxy:good": good, "proxy:bad": bad, "proxy:noise": noise})
    model = Robust(scale="minmax").fit(X, 3 * good - 2 * bad)
    weights = dict(zip(model.names_, model.weights_, strict=True))
    assert weights["proxy:good"] == 1
    assert weights["proxy:bad"] == pytest.approx(-2 / 3, abs=0.05)
    assert abs(weights["proxy:noise"]) < 0.05


def test_with_few_observations_columns_move_together() -> None:
    # The training part cannot tell the two columns apart; the one with a new value should still count.
    same = np.array([0.0, 1.0, 2.0, 3.0])
    model = Robust(scale="minmax", operations=False).fit(batch({"proxy:a": same, "proxy:b": same}), same)
    assert model.weights_ == pytest.approx([1, 1])
    low, high = model.predict(batch({"proxy:a": np.array([1.0, 1.0]), "proxy:b": np.array([0.0, 3.0])}))
    assert high > low


def test_doubt_grows_away_from_what_was_seen() -> None:
    x = np.linspace(0, 1, 20)
    model = Robust(scale="minmax", operations=False).fit(batch({"proxy:a": x}), x + 0.1 * np.sin(50 * x))
    inside, outside = model.predict_std(batch({"proxy:a": np.array([0.5, 5.0])}))
    assert outside > 1.5 * inside > 0


def test_an_architecture_whose_output_sees_no_input_is_the_lowest() -> None:
    training = batch({"proxy:a": np.arange(9.0)})
    model = Robust().fit(training, np.arange(9.0))
    cut = ArchGraph("example", ("input", "none", "output"), ((0, 1), (1, 2)))
    floor = model.predict(ArchBatch([cut], {"proxy:a": np.array([9.0])}))[0]
    assert floor == min(0.0, model.predict(training).min())


def test_equal_targets_give_weights_of_zero() -> None:
    X, _ = example_batch(10)
    assert Robust().fit(X, np.full(10, 3.0)).weights_ == pytest.approx(np.zeros(8), abs=1e-12)


def test_predicting_before_fit_is_refused() -> None:
    with pytest.raises(NotFitted, match="call fit"):
        Robust().predict(example_batch(3)[0])
