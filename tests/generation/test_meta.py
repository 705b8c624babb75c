"""A meta-predictor: what data sets say about another, and what it learns from them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from predictors.errors import UnknownName
from proxybench.errors import ProxybenchError
from proxybench.generation import Aim, Sampler, guided, sample
from proxybench.generation.meta import PROPERTY, alike, fit_meta
from proxybench.spaces import get_space


@pytest.fixture(scope="module")
def archs():
    return get_space("nasbench201").sample(400, 0)


def count(archs, op: str) -> np.ndarray:
    return np.array([arch.ops.count(op) for arch in archs], dtype=float)


@pytest.fixture(scope="module")
def sources(archs):
    """On one data set only 3x3 convolutions are good, on the other only 1x1 convolutions, in other units."""
    return {"wide": 5 * count(archs, "nor_conv_3x3"), "narrow": -100 + count(archs, "nor_conv_1x1")}


@pytest.fixture(scope="module")
def meta(small_model, archs, sources):
    return fit_meta(small_model, archs, sources, steps=100, hidden=32, batch=64, rate=1e-2)


def rank_correlation(one, other) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)


def test_alike_weighs_by_the_distance_in_standard_deviations() -> None:
    # Of 0, 2 and 0 the deviation is sqrt(8/9), so d^2 = 0 and 4 / (8/9) = 4.5; exp(-4.5 / 2) = 0.1054.
    far = math.exp(-2.25)
    found = alike({"near": {"side": 0.0}, "far": {"side": 2.0}}, {"side": 0.0})
    assert found == pytest.approx({"near": 1 / (1 + far), "far": far / (1 + far)})


def test_a_fact_in_which_no_data_sets_differ_says_nothing() -> None:
    facts = {"side": 32.0}
    assert alike({"one": facts, "other": facts}, facts) == {"one": 0.5, "other": 0.5}


@pytest.mark.parametrize("facts", [{}, {"one": {}}, {"one": {"side": 1.0, "classes": 2.0}}])
def test_data_sets_with_other_facts_cannot_be_compared(facts) -> None:
    with pytest.raises(ProxybenchError, match="by the same facts, side"):
        alike(facts, {"side": 1.0})


def test_each_data_set_gets_its_own_order(meta, sources) -> None:
    fresh = get_space("nasbench201").sample(1000, 1)
    for name, op in (("wide", "nor_conv_3x3"), ("narrow", "nor_conv_1x1")):
        assert rank_correlation(meta.guide({name: 1.0}).predict(fresh)[PROPERTY], count(fresh, op)) > 0.9


def test_an_unknown_data_set_gets_the_mean_of_the_answers(meta, small_model, archs) -> None:
    x = small_model.layout.encode(archs[:20]).float()
    t = torch.full((20,), small_model.sde.earliest)
    one, other, mean = (meta.guide(weights)(x, t)[0] for weights in ({"wide": 1.0}, {"narrow": 1.0}, None))
    torch.testing.assert_close(mean, (one + other) / 2)
    quarter = meta.guide({"wide": 3.0, "narrow": 1.0})(x, t)[0]
    torch.testing.assert_close(quarter, 0.75 * one + 0.25 * other)


def test_guided_samples_have_what_the_data_set_wants(meta, small_model) -> None:
    def mean_count(guide) -> float:
        return float(count(sample(small_model, 100, 0, Sampler("em", 30), guide).valid, "nor_conv_3x3").mean())

    wanted = guided(meta.guide({"wide": 1.0}), Aim(PROPERTY, "above", share=0.05), 4.0)
    assert mean_count(wanted) > mean_count(None) + 1


def test_what_was_not_trained_is_left_out(small_model, archs, sources) -> None:
    values = sources["wide"].copy()
    values[::2] = np.nan
    fitted = fit_meta(small_model, archs, {"wide": values}, steps=100, hidden=32, batch=64, rate=1e-2)
    assert rank_correlation(fitted.guide().predict(archs)[PROPERTY], sources["wide"]) > 0.9


def test_equal_seeds_give_equal_predictions_and_the_global_generator_is_left_alone(small_model, archs, sources) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (
        fit_meta(small_model, archs, sources, steps=3, seed=seed).guide().predict(archs[:9])[PROPERTY]
        for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "at least one other data set"),
        ({"one": np.zeros(3)}, "one: .* values for 400"),
        ({"one": np.full(400, np.nan)}, "one: .* two architectures"),
    ],
)
def test_sources_that_cannot_be_learned_from_are_refused(small_model, archs, given, message: str) -> None:
    with pytest.raises(ProxybenchError, match=message):
        fit_meta(small_model, archs, given)


def test_a_data_set_that_it_does_not_know_is_refused_with_the_nearest_name(meta) -> None:
    with pytest.raises(UnknownName, match="'wide'"):
        meta.guide({"wider": 1.0})


@pytest.mark.parametrize("weights", [{"wide": 0.0}, {"wide": -1.0, "narrow": 2.0}])
def test_weights_that_are_no_shares_are_refused(meta, weights) -> None:
    with pytest.raises(ProxybenchError, match="positive or 0"):
        meta.guide(weights)
