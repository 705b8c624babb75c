"""Scales of targets, pairs, and what learns from pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad

from predictors import make
from predictors.checks import example_batch
from predictors.errors import UnknownName
from predictors.tabular.boosting import PairwiseLogistic
from predictors.targets import normal_scores, sampled_pairs, scaled


def test_normal_scores_by_hand():
    # quantiles 1/8, 3/8, 5/8, 7/8 of the standard normal: 1.1503, 0.3186; divided by their deviation 0.8441
    found = normal_scores(np.array([3.0, 1.0, 2.0, 99.0]))
    assert found.tolist() == pytest.approx([0.3775, -1.3629, -0.3775, 1.3629], abs=1e-3)
    assert normal_scores(np.array([5.0, 5.0])).tolist() == [0.0, 0.0]


def test_raw_targets_keep_their_distances():
    # mean 30, standard deviation sqrt((400 + 100 + 900) / 3) = 21.6025
    found = scaled(np.array([10.0, 20.0, 60.0]), "raw")
    assert found.tolist() == pytest.approx([-0.9258, -0.4629, 1.3887], abs=1e-4)


@pytest.mark.parametrize("target", ["raw", "rank", "mixed", "pairwise"])
@given(values=st.lists(st.integers(-50, 50), min_size=2, max_size=20))
def test_every_scale_keeps_the_order(target, values):
    y = np.array(values, dtype=float)
    found = scaled(y, target, pairwise=True)
    for i in range(len(y)):
        assert ((found > found[i] + 1e-9) == (y > y[i])).all()


def test_an_outlier_weighs_less_the_more_ranks_count():
    y = np.array([10.0, 90.0, 91.0, 92.0, 93.0])
    gap = {t: np.ptp(scaled(y, t)[1:]) for t in ("raw", "mixed", "rank")}
    assert gap["raw"] < gap["mixed"] < gap["rank"]


def test_pairs_are_ordered_and_equal_targets_make_none():
    better, worse = sampled_pairs(np.array([1.0, 3.0, 3.0]), 64, np.random.default_rng(0))
    assert sorted(zip(better.tolist(), worse.tolist(), strict=True)) == [(1, 0), (2, 0)]


def test_many_targets_have_as_many_partners_as_requested():
    targets = np.arange(100.0)
    better, worse = sampled_pairs(targets, 8, np.random.default_rng(0))
    assert len(better) == 800
    assert (targets[better] > targets[worse]).all()
    assert len(set(zip(better.tolist(), worse.tolist(), strict=True))) > 700


def test_the_gradient_of_the_pairwise_loss_is_right():
    targets = np.array([0.0, 1.0, 2.0, 2.0, 5.0])
    better, worse = sampled_pairs(targets, 64, np.random.default_rng(0))
    count = np.bincount(better, minlength=5) + np.bincount(worse, minlength=5)

    def one_row(row):  # the mean of an architecture's pairs, as a function of its own score
        return lambda s: np.logaddexp(0, s[worse] - s[better])[(better == row) | (worse == row)].sum() / count[row]

    at = np.array([0.3, -0.2, 0.9, 0.1, 0.0])
    gradient, hessian = PairwiseLogistic(0)(targets, at)
    for row in range(5):
        step = np.eye(5)[row] * 1e-5
        loss = one_row(row)
        assert gradient[row] == pytest.approx((loss(at + step) - loss(at - step)) / 2e-5, abs=1e-6)
        curvature = (loss(at + 100 * step) - 2 * loss(at) + loss(at - 100 * step)) / 1e-6
        assert hessian[row] == pytest.approx(curvature, abs=1e-4)


@pytest.mark.parametrize(("name", "params"), [("gbdt", {"rounds": 60}), ("ridge", {})])
def test_learning_from_pairs_ranks_held_out_architectures(name, params):
    batch, targets = example_batch(300, seed=1)
    model = make(name, target="pairwise", **params).fit(batch[:200], targets[:200])
    assert model.score(batch[200:], targets[200:]) > 0.8


def test_pairwise_scores_do_not_see_a_monotone_change_of_the_targets():
    batch, targets = example_batch(80)
    model = make("ridge", target="pairwise")
    assert np.array_equal(model.fit(batch, targets).scores(batch), model.fit(batch, np.exp(targets)).scores(batch))


def test_a_target_that_cannot_be_learned_is_refused():
    batch, targets = example_batch(20)
    with pytest.raises(ValueError, match="use target='rank', or gbdt or ridge"):
        make("knn", target="pairwise").fit(batch, targets)
    with pytest.raises(UnknownName, match="Did you mean 'rank'"):
        make("knn", target="ranks").fit(batch, targets)


def test_raw_predictions_are_in_target_units():
    batch, targets = example_batch(200)
    predicted = make("ridge", target="raw").fit(batch, 70 + 5 * targets).predict(batch)
    assert np.abs(predicted - (70 + 5 * targets)).max() < 1.0


def test_the_linear_ranking_is_at_the_minimum_of_its_loss():
    from predictors.tabular.linear import LinearRanking

    random = np.random.default_rng(0)
    rows, targets = random.normal(size=(30, 4)), random.normal(size=30)
    weights = LinearRanking(0).fit(rows, targets).weights_
    better, worse = sampled_pairs(targets, 16, np.random.default_rng(0))

    def loss(w):
        return np.logaddexp(0, -(rows[better] - rows[worse]) @ w).sum() + w @ w / 2

    assert check_grad(loss, lambda w: np.zeros(4), weights) < 1e-2  # the minimum
