"""Guides: levels, gradients, and where they lead."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from predictors.errors import UnknownName
from proxybench.errors import ProxybenchError
from proxybench.generation import Aim, DiffusionModel, Guide, Sampler, fit_guide, guided, sample
from proxybench.generation.guidance import NormalScale
from proxybench.generation.guide_networks import GRAPH_NETWORKS, NoisyInput, make_network
from proxybench.spaces import get_space

SPACE = get_space("nasbench201")
ARCHS = SPACE.sample(2000, 0)
SAMPLER = Sampler("pc", 20)


def count(op: str, archs: object) -> np.ndarray:
    return np.array([arch.ops.count(op) for arch in archs], dtype=float)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def guide(small_model: DiffusionModel) -> Guide:
    targets = {"convs": count("nor_conv_3x3", ARCHS), "skips": count("skip_connect", ARCHS)}
    return fit_guide(small_model, ARCHS, targets, hidden=48, steps=100, batch=128, rate=1e-2)


def test_without_noise_the_guide_knows_the_property(guide: Guide) -> None:
    others = SPACE.sample(300, 1)
    predicted = guide.predict(others)
    assert np.corrcoef(predicted["convs"], count("nor_conv_3x3", others))[0, 1] > 0.9
    assert np.corrcoef(predicted["skips"], count("skip_connect", others))[0, 1] > 0.9


def test_samples_follow_the_guide(small_model: DiffusionModel, guide: Guide) -> None:
    """Uniform cells have 1.2 convolutions of 3x3; guidance gives both many convolutions and few skips."""
    plain = sample(small_model, 100, 0, SAMPLER).valid
    up = sample(small_model, 100, 0, SAMPLER, guided(guide, Aim("convs"), 4.0)).valid
    aims = [Aim("convs", "above", 2.5), Aim("skips", "below", 0.5)]
    both = sample(small_model, 100, 0, SAMPLER, guided(guide, aims, 2.0)).valid
    assert count("nor_conv_3x3", plain).mean() == pytest.approx(1.2, abs=0.3)
    assert count("nor_conv_3x3", up).mean() > 2.5
    assert count("nor_conv_3x3", both).mean() > 2.0
    assert count("skip_connect", both).mean() < 0.6 < count("skip_connect", plain).mean()


def test_the_gradient_is_that_of_the_log_probability(guide: Guide) -> None:
    aims = [Aim("convs", weight=0.5), Aim("skips", "below", share=0.3)]
    x, t = torch.randn(2, 8, 7), torch.tensor([0.3, 0.6])
    gradient = guided(guide, aims, 3.0)(x, t)
    step = torch.zeros_like(x)
    step[0, 2, 3] = 1e-2
    rise = guide.log_probability(x + step, t, aims) - guide.log_probability(x - step, t, aims)
    assert 3 * rise[0].item() / 2e-2 == pytest.approx(gradient[0, 2, 3].item(), rel=0.05, abs=1e-3)
    assert rise[1].item() == 0.0


def test_a_bound_is_the_probability_of_a_normal_variable(guide: Guide) -> None:
    x, t = torch.randn(1, 8, 7), torch.tensor([0.4])
    mean, error = (value[0, 0].item() for value in guide(x, t))
    level = norm.ppf(0.9)
    found = guide.log_probability(x, t, [Aim("convs", "above", share=0.1)]).item()
    assert found == pytest.approx(norm.logcdf((mean - level) / error), rel=1e-3)


def test_normal_scores_and_back() -> None:
    """Five values: the middle one is at 0; beyond the ends scores go on."""
    scale = NormalScale(np.array([10.0, 30.0, 20.0, 50.0, 40.0]))
    assert scale.score(30.0) == pytest.approx(0.0, abs=1e-12)
    assert scale.score(35.0) == pytest.approx(scale.score(40.0) / 2)
    assert scale.score(60.0) > scale.score(50.0) > 0 > scale.score(10.0) > scale.score(0.0)
    assert scale.value(np.array([0.0, 99.0])).tolist() == pytest.approx([30.0, 50.0])


@pytest.mark.parametrize("name", ["mlp", *GRAPH_NETWORKS])
def test_networks_of_predictors_read_noisy_graphs(name: str) -> None:
    """Each has a gradient by operations and, where they vary, by edges."""
    from proxybench.generation.codec import placed
    from proxybench.generation.layout import Layout

    cells = [placed(arch, 7) for arch in get_space("nasbench101").sample(100, 0)]
    given = NoisyInput(Layout.of(cells))
    torch.manual_seed(0)
    network = make_network(name, given, 2, 16).eval()
    x = torch.rand(3, given.layout.nodes, given.layout.width, requires_grad=True)
    answer = network(given(x, torch.ones(3), torch.full((3,), 0.5)))
    assert answer.shape == (3, 2)
    (gradient,) = torch.autograd.grad(answer.sum(), x)
    assert gradient[..., : given.layout.labels].abs().sum() > 0
    assert gradient[..., given.layout.labels :].abs().sum() > 0


def test_mistakes_are_named(small_model: DiffusionModel, guide: Guide) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'convs'"):
        guided(guide, Aim("conv"))
    with pytest.raises(ValueError, match="level or a share"):
        Aim("convs", "above")
    with pytest.raises(UnknownName, match="kind of aim"):
        Aim("convs", "up")  # type: ignore[arg-type]
    with pytest.raises(ProxybenchError, match="finite target"):
        fit_guide(small_model, ARCHS[:3], {"acc": [1.0, 2.0, float("nan")]})
    with pytest.raises(UnknownName, match="network of a guide"):
        fit_guide(small_model, ARCHS[:3], {"acc": [1.0, 2.0, 3.0]}, network="gcnn")
