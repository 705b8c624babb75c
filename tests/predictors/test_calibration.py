"""Standard deviations: the factor by hand, and what intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from predictors import make
from predictors.calibration import Spread, coverage_factor
from predictors.checks import example_batch
from predictors.tabular.blockwise_gp import Block, BlockwiseGP
from predictors.targets import normal_scores

BATCH, TARGETS = example_batch(260, seed=3)
TRAIN, TEST = slice(0, 100), slice(100, 260)
NOISY = TARGETS + np.random.default_rng(0).normal(0, TARGETS.std() / 2, len(TARGETS))


def test_the_factor_by_hand():
    # 19 ratios: the k-th covers k / 20, so 50, 80 and 95 % are reached at the 10th, 16th and 19th
    ratios = np.arange(1.0, 20.0)
    meant = norm.ppf([0.75, 0.9, 0.975])
    assert coverage_factor(ratios) == pytest.approx(np.prod(np.array([10, 16, 19]) / meant) ** (1 / 3))
    assert coverage_factor(np.zeros(50)) == 1


def test_normal_residuals_need_no_factor():
    assert coverage_factor(np.random.default_rng(0).normal(size=20_000)) == pytest.approx(1, abs=0.02)


def test_scale_and_noise_are_found():
    random = np.random.default_rng(0)
    said = random.uniform(0, 1, 20_000)
    residuals = random.normal(size=20_000) * np.hypot(2 * said, 0.5)
    spread = Spread().fit(residuals, said)
    assert (spread.scale_, spread.noise_, spread.factor_) == pytest.approx((2, 0.5, 1), rel=0.05)
    assert spread.calibrated(np.array([0.0, 1.0])) == pytest.approx(spread.factor_ * np.hypot([0, 2], 0.5), rel=0.05)


def test_a_predictor_that_is_always_sure_gets_the_noise_of_its_residuals():
    spread = Spread().fit(3 * np.random.default_rng(0).normal(size=20_000), np.zeros(20_000))
    assert spread.calibrated(np.zeros(1)) == pytest.approx(3, rel=0.05)


@given(st.floats(0.01, 100), st.integers(0, 100))
def test_the_unit_does_not_matter(unit, seed):
    random = np.random.default_rng(seed)
    said = random.uniform(0.1, 1, 50)
    residuals = random.normal(size=50) * said
    one, other = Spread().fit(residuals, said), Spread().fit(unit * residuals, unit * said)
    assert unit * one.calibrated(said) == pytest.approx(other.calibrated(unit * said), rel=1e-3)


def test_heavy_tails_do_not_widen_what_most_need():
    residuals = np.random.default_rng(0).standard_t(3, size=20_000)
    spread = Spread().fit(residuals, np.ones(20_000))
    inside = np.abs(residuals) < norm.ppf(0.9) * spread.calibrated(np.ones(20_000))
    assert spread.factor_ < 0.9
    assert inside.mean() == pytest.approx(0.8, abs=0.03)


def test_too_few_or_empty_residuals_change_nothing():
    for residuals in (np.full(9, 5.0), np.zeros(50), np.append(np.full(9, 5.0), [np.nan, np.inf])):
        spread = Spread().fit(residuals, np.ones(len(residuals)))
        assert spread.calibrated(np.array([0.3])).tolist() == [0.3]


def test_leaving_one_out_of_a_process_is_the_process_without_it():
    random = np.random.default_rng(0)
    rows = random.normal(size=(25, 2))
    targets = np.sin(rows[:, 0]) + 0.1 * random.normal(size=25)
    process = BlockwiseGP([Block(np.arange(2))]).fit(rows, targets)
    without = BlockwiseGP([Block(np.arange(2))])
    without._tune = lambda rows, targets: process.theta_
    without.fit(rows[1:], targets[1:])
    residuals, deviations = process.leave_one_out()
    assert residuals[0] == pytest.approx(targets[0] - without.predict(rows[:1])[0], rel=1e-4)
    assert deviations[0] == pytest.approx(without.predict_std(rows[:1])[0], rel=1e-4)


def covered(model, level):
    """Share of held-out targets in the central interval."""
    residual = NOISY[TEST] - model.predict(BATCH[TEST])
    return (np.abs(residual) < norm.ppf(0.5 + level / 2) * model.predict_std(BATCH[TEST])).mean()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("gp", {}),
        ("extra_trees", {"target": "rank", "trees": 100}),
        ("random_forest", {"target": "rank", "trees": 100}),
        ("ensemble", {"members": ["gp", "ridge"]}),
        ("ensemble", {"members": ["gp", "ridge"], "combine": "rank"}),
        ("ensemble", {"members": ["gp", "ridge"], "combine": "weigh"}),
    ],
)
def test_intervals_of_held_out_architectures_cover_what_they_say(name, arguments):
    model = make(name, **arguments).fit(BATCH[TRAIN], NOISY[TRAIN])
    assert 0.35 < covered(model, 0.5) < 0.65
    assert 0.7 < covered(model, 0.8) < 0.9


def test_trees_that_agree_are_not_sure_of_a_noisy_accuracy():
    batch, _ = example_batch(120, seed=3)
    twice = batch[np.arange(120) % 60]
    model = make("extra_trees", target="rank", trees=50).fit(twice, np.random.default_rng(0).normal(size=120))
    assert model.deviation_rows(model.rows_.transform(twice)).min() < 1e-6
    assert model.predict_std(twice).min() > 0.3


def test_asking_again_gives_the_same():
    model = make("ensemble", members=["gp", "ridge"]).fit(BATCH[TRAIN], NOISY[TRAIN])
    first, factor = model.predict_std(BATCH[TEST]), model.spread_.factor_
    assert (model.predict_std(BATCH[TEST]) == first).all()
    model.fit(BATCH[TEST], normal_scores(NOISY[TEST]))
    model.predict_std(BATCH[TEST])
    assert model.spread_.factor_ != factor
