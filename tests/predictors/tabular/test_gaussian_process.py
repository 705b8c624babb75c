"""The blockwise Gaussian process, against scikit-learn's and its own finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

from predictors import make
from predictors.checks import example_batch
from predictors.errors import UnknownName
from predictors.tabular.blockwise_gp import Block, BlockwiseGP, _distances

RANDOM = np.random.default_rng(0)
ROWS, NEW = RANDOM.normal(size=(40, 3)), RANDOM.normal(size=(15, 3))
TARGETS = np.sin(ROWS[:, 0]) + 0.1 * RANDOM.normal(size=40)


def test_it_predicts_as_scikit_learn_with_the_same_hyperparameters():
    process = BlockwiseGP([Block(np.arange(3), relevance=True)]).fit(ROWS, TARGETS)
    amplitude, noise = np.exp(2 * process.theta_[0]), np.exp(2 * process.theta_[-1])
    lengths = np.exp(process.theta_[1:4]) * np.sqrt(3)  # distances are divided by the number of features
    kernel = amplitude * Matern(lengths, nu=2.5) + WhiteKernel(noise)
    reference = GaussianProcessRegressor(kernel, optimizer=None, alpha=1e-8).fit(ROWS, TARGETS)
    mean, deviation = reference.predict(NEW, return_std=True)
    assert process.predict(NEW) == pytest.approx(mean, abs=1e-6)
    assert process.predict_std(NEW) == pytest.approx(deviation, abs=1e-5)


@pytest.mark.parametrize("first", [{"relevance": True}, {}, {"groups": (1, 1)}])
def test_the_gradient_of_the_likelihood_is_right(first):
    blocks = [Block(np.array([0, 1]), **first), Block(np.array([2]))]
    process = BlockwiseGP(blocks)
    start = np.zeros(2 + sum(block.scales for block in blocks) + 1)
    distances = [_distances(ROWS[:, block.features], block) for block in blocks]
    at = start + 0.1 * np.arange(len(start)) - 0.3
    _, gradient = process._loss(at, start, distances, TARGETS)
    numeric = approx_fprime(at, lambda theta: process._loss(theta, start, distances, TARGETS)[0], 1e-6)
    assert gradient == pytest.approx(numeric, rel=1e-3, abs=1e-3)


def test_groups_weigh_the_same_however_many_features_they_have():
    block = Block(np.arange(3), groups=(1, 2))
    process = BlockwiseGP([block]).fit(ROWS, TARGETS)
    lengths = np.exp(process.theta_[1:3])
    apart = (ROWS[:, None] - NEW[None]) ** 2 / [1 * 2, 2 * 2, 2 * 2] / lengths[[0, 1, 1]] ** 2
    root = np.sqrt(5 * apart.sum(axis=2))
    kernel = np.exp(2 * process.theta_[0]) * (1 + root + root**2 / 3) * np.exp(-root)
    assert process._kernel(ROWS, NEW) == pytest.approx(kernel, rel=1e-9)
    assert _distances(ROWS, block).sum(axis=0)[0, 1] == pytest.approx(
        (ROWS[0, 0] - ROWS[1, 0]) ** 2 / 2 + ((ROWS[0, 1:] - ROWS[1, 1:]) ** 2).sum() / 4
    )


def test_relevance_finds_the_feature_that_matters():
    process = BlockwiseGP([Block(np.arange(3), relevance=True)]).fit(ROWS, TARGETS)
    lengths = process.theta_[1:4]
    assert lengths[0] < lengths[1:].min() - 0.5


def test_rows_held_out_are_predicted_from_the_others():
    process = BlockwiseGP([Block(np.arange(3), relevance=True)]).fit(ROWS, TARGETS)
    folds = [np.arange(0, 40, 2), np.arange(1, 40, 2)]
    found = process.held_out(folds)
    for fold in folds:
        kept = np.setdiff1d(np.arange(40), fold)
        kernel = process._kernel(ROWS[kept], ROWS[kept]) + np.eye(20) * (np.exp(2 * process.theta_[-1]) + 1e-8)
        mean = process._kernel(ROWS[fold], ROWS[kept]) @ np.linalg.solve(kernel, TARGETS[kept])
        assert found[fold] == pytest.approx(mean, abs=1e-6)


def test_a_process_holds_rows_out_if_it_has_seen_all_of_them_and_has_few_hyperparameters():
    batch, targets = example_batch(150)
    folds = [np.arange(75), np.arange(75, 150)]
    settings = {"kernel": "isotropic", "encodings": "columns"}
    found = make("gp", **settings).fit(batch, targets).held_out_scores(folds)
    assert np.corrcoef(found, targets)[0, 1] > 0.3
    assert make("gp", limit=100, **settings).fit(batch, targets).held_out_scores(folds) is None
    assert make("gp", **settings).fit(batch[:20], targets[:20]).held_out_scores([np.arange(20)]) is None


def test_standard_deviations_grow_away_from_the_data_and_cover_it():
    process = BlockwiseGP([Block(np.arange(3))]).fit(ROWS, TARGETS)
    far = np.full((1, 3), 50.0)
    assert process.predict_std(far)[0] > 1.2 * process.predict_std(ROWS).max()
    truth = np.sin(NEW[:, 0])
    assert (np.abs(process.predict(NEW) - truth) < 2.5 * process.predict_std(NEW)).all()


def test_more_rows_than_the_limit_are_sampled():
    process = BlockwiseGP([Block(np.arange(3))], limit=25).fit(ROWS, TARGETS)
    assert process.rows_.shape == (25, 3)


@pytest.mark.parametrize("kernel", ["ard", "isotropic", "joint", "wl"])
def test_each_kernel_ranks_and_says_how_sure_it_is(kernel):
    batch, targets = example_batch(250, seed=1)
    model = make("gp", kernel=kernel).fit(batch[:150], targets[:150])
    assert model.score(batch[150:], targets[150:]) > 0.8
    assert (model.predict_std(batch[150:]) > 0).all()


def test_an_unknown_kernel_is_named():
    batch, targets = example_batch(20)
    with pytest.raises(UnknownName, match="Did you mean 'ard'"):
        make("gp", kernel="ardd").fit(batch, targets)
