"""Ensembles: averages, weights, and their standard deviations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from predictors import make
from predictors.base import Parameters
from predictors.checks import example_batch
from predictors.cross_fitting import TrainingPart
from predictors.ensemble import _mixed, kendall, stacked, weighed
from predictors.errors import NotFitted, UnknownName
from predictors.folds import random_folds
from predictors.tabular import Ridge

BATCH, TARGETS = example_batch(200, seed=3)
TRAIN, TEST = slice(0, 120), slice(120, 200)


class Shuffled(Parameters):
    """Predicts noise that depends on the architecture's column."""

    def fit(self, X, y):
        self.seen_ = len(y)
        return self

    def predict(self, X):
        return np.sin(1e4 * X.column("cost:params"))


def test_the_mean_is_of_standardised_members():
    members = ["ridge", "knn"]
    ensemble = make("ensemble", members=members).fit(BATCH[TRAIN], TARGETS[TRAIN])
    expected = np.zeros(80)
    for name in members:
        model = make(name).fit(BATCH[TRAIN], TARGETS[TRAIN])
        known = model.scores(BATCH[TRAIN])
        expected += (model.scores(BATCH[TEST]) - known.mean()) / known.std() / 2
    assert ensemble.scores(BATCH[TEST]) == pytest.approx(expected)


def test_two_graph_networks_share_the_weight_that_they_are_given():
    model = make("ensemble", members=["ridge", "knn"], graphs=2).fit(BATCH[TRAIN], TARGETS[TRAIN])
    assert model.weights_.tolist() == [0.25, 0.25, 0.25, 0.25]
    assert [network.columns for _, network in model.members_[2:]] == [True, False]
    alone = make("ensemble", members=["ridge", "knn"]).fit(BATCH[TRAIN], TARGETS[TRAIN])
    assert (model.predict(BATCH[TEST]) != alone.predict(BATCH[TEST])).any()
    with pytest.raises(ValueError, match="weight of graph networks is -1"):
        make("ensemble", graphs=-1).fit(BATCH[TRAIN], TARGETS[TRAIN])


def test_the_rank_average_does_not_see_how_a_member_is_scaled():
    class Exponential(Shuffled):
        def predict(self, X):
            return np.exp(3 * super().predict(X))

    found = [
        make("ensemble", members=["ridge", odd], combine="rank").fit(BATCH[TRAIN], TARGETS[TRAIN]).predict(BATCH[TRAIN])
        for odd in (Shuffled(), Exponential())
    ]
    assert found[0] == pytest.approx(found[1])


@pytest.mark.parametrize("combine", ["stack", "weigh"])
def test_a_useless_member_gets_little_weight(combine):
    model = make("ensemble", members=["ridge", "knn", Shuffled()], combine=combine)
    model.fit(BATCH[TRAIN], TARGETS[TRAIN])
    assert model.weights_.sum() == pytest.approx(1)
    assert model.weights_[2] < 0.1
    assert model.fold_scores_[0] > 0.7 > 0.3 > abs(model.fold_scores_[2])


def test_stacking_weights_by_hand():
    # Two independent guesses of variance 1/4 and 1 around the target: by least squares 4 : 1 and a little shrinkage.
    random = np.random.default_rng(0)
    targets = random.normal(size=20000) * 3
    predicted = np.stack([targets + 0.5 * random.normal(size=20000), targets + random.normal(size=20000)])
    assert stacked(predicted, targets).tolist() == pytest.approx([0.8, 0.2], abs=0.02)
    assert stacked(-np.stack([targets, targets]), targets).tolist() == [0.5, 0.5]


def test_weights_by_hand():
    # sqrt(100) * 0.1 = 1; exp(-1) = 0.3679, and exp(-10 * 0.5) = 0.0067 is too little to keep.
    assert weighed([0.7, 0.6, 0.2], 100).tolist() == pytest.approx([1 / 1.3679, 0.3679 / 1.3679, 0], abs=1e-4)
    assert weighed([0.5, 0.5], 20).tolist() == [0.5, 0.5]
    few, many = weighed([0.7, 0.6], 16), weighed([0.7, 0.6], 400)
    assert few[0] == pytest.approx(1 / (1 + np.exp(-0.4)))
    assert many[0] == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_some_member_is_kept_however_many_there_are():
    assert weighed([0.1] * 100, 50).tolist() == pytest.approx([0.01] * 100)


def test_a_learner_that_held_architectures_out_is_fitted_once():
    class Counted(Ridge):
        fits = 0

        def _regressor(self, rows, targets):
            Counted.fits += 1
            return super()._regressor(rows, targets)

        def held_out_scores(self, folds):
            return None if self.target == "raw" else np.arange(120.0)

    part = TrainingPart(BATCH[TRAIN], TARGETS[TRAIN])
    folds = random_folds(120, 4, 0)
    _, found = part.cross_fitted(Counted(), folds)
    assert Counted.fits == 1
    assert found.tolist() == list(range(120))
    _, found = part.cross_fitted(Counted(target="raw"), folds)
    assert Counted.fits == 1 + 5
    assert np.corrcoef(found, TARGETS[TRAIN])[0, 1] > 0.7


def test_members_that_held_out_different_architectures_are_cross_validated():
    class Third(Ridge):
        def held_out_scores(self, folds):
            found = np.full(120, np.nan)
            found[self.random_state * 40 : (self.random_state + 1) * 40] = 1.0
            return found

    members = [Third(random_state=state) for state in range(3)]
    model = make("ensemble", members=members, combine="weigh").fit(BATCH[TRAIN], TARGETS[TRAIN])
    assert min(model.fold_scores_) > 0.6


def test_the_deviation_of_a_mixture_by_hand():
    weights = np.array([0.5, 0.5])
    mean, deviation = _mixed(weights, np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]]))
    assert mean.tolist() == [2.0]
    assert deviation.tolist() == pytest.approx([np.sqrt((1 + 4) / 2 + 1)])
    _, unknown = _mixed(weights, np.array([[1.0], [3.0]]), np.array([[1.0], [0.0]]))
    assert unknown.tolist() == pytest.approx([np.sqrt(1 + 1)])  # a member without a deviation adds to the spread alone


def test_what_is_left_out_is_not_seen():
    class Memory(Parameters):
        """Predicts the targets that it was fitted to, and -1 for other architectures."""

        def fit(self, X, y):
            self.known_ = dict(zip(X.column("cost:params"), y, strict=True))
            return self

        def predict(self, X):
            return np.array([self.known_.get(value, -1.0) for value in X.column("cost:params")])

    part = TrainingPart(BATCH, TARGETS)
    assert (part.out_of_fold(Memory(), random_folds(200, 5, 0)) == -1).all()
    assert (part.fit(Memory()).predict(BATCH) == TARGETS).all()


def test_folds_are_a_partition():
    folds = random_folds(23, 5, 1)
    assert sorted(np.concatenate(folds).tolist()) == list(range(23))
    assert {len(fold) for fold in folds} == {4, 5}
    assert len(random_folds(3, 5, 0)) == 3


@pytest.mark.parametrize("combine", ["stack", "weigh"])
def test_deviations_cover_what_they_say(combine):
    noisy = TARGETS + np.random.default_rng(0).normal(size=200)
    model = make("ensemble", members=["gp", "ridge"], combine=combine).fit(BATCH[TRAIN], noisy[TRAIN])
    residual = noisy[TEST] - model.predict(BATCH[TEST])
    covered = (np.abs(residual) < 1.2816 * model.predict_std(BATCH[TEST])).mean()
    assert 0.65 < covered < 0.92  # 0.8 is meant


def test_a_handful_of_architectures_is_enough():
    model = make("auto", members=["ridge", "knn"]).fit(BATCH[:3], TARGETS[:3])
    assert model.weights_.tolist() == [0.5, 0.5]
    assert np.isfinite(model.predict(BATCH)).all()


def test_wrong_use_is_named():
    with pytest.raises(UnknownName, match="Did you mean 'stack'"):
        make("ensemble", combine="stak").fit(BATCH, TARGETS)
    with pytest.raises(NotFitted, match="Ensemble is not fitted"):
        make("ensemble").predict(BATCH)
    with pytest.raises(ValueError, match="at least one architecture"):
        make("ensemble").fit(BATCH[:0], TARGETS[:0])


@pytest.mark.parametrize("values", [3, 40, 10**6])
def test_tau_is_that_of_scipy_to_the_last_bit(values: int) -> None:
    random = np.random.default_rng(values)
    for n in (5, 50, 333):
        one, other = random.integers(0, values, (2, n)) / 7
        assert kendall(one, other) == kendalltau(one, other).statistic
    assert kendall(np.ones(5), np.arange(5.0)) == -1
