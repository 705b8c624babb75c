"""Dextr: singular values and curvatures by hand."""

from __future__ import annotations

import math

import pytest
import torch
from networks import batch, nasbench201
from torch import Tensor, nn

from proxybench.proxies import PROXIES
from proxybench.proxies.base import NoAnswer
from proxybench.proxies.dextr import curvature, independence, inverse_condition
from proxybench.proxies.probe import Probe


def test_inverse_conditions_by_hand() -> None:
    assert inverse_condition(torch.diag(torch.tensor([3.0, -1.0, 2.0]))) == pytest.approx(1 / 3)
    assert inverse_condition(torch.tensor([[1e30, 0.0, 0.0], [0.0, 2e30, 0.0]])) == pytest.approx(0.5)
    assert inverse_condition(torch.ones(3, 5)) == pytest.approx(0, abs=1e-7)
    assert inverse_condition(torch.zeros(2, 2)) == 0
    assert math.isnan(inverse_condition(torch.tensor([[math.nan, 1.0]])))


class Scaled(nn.Module):
    """All pixels times a factor: the circle of images becomes a circle of that radius."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8, bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.linear.weight.copy_(factor * torch.eye(8))

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.linear(images.flatten(1))
        return out


@pytest.mark.parametrize("factor", [0.5, 1.0, 4.0])
def test_a_circle_has_the_curvature_of_its_radius(factor: float) -> None:
    probe = Probe(Scaled(factor), torch.zeros(2, 2, 2, 2, dtype=torch.float64))
    assert curvature(probe) == pytest.approx(1 / factor, rel=1e-12)


def test_many_logits_are_differentiated_in_groups() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(8, 40, bias=False, dtype=torch.float64))
    with torch.no_grad():
        network[1].weight.copy_(torch.linalg.qr(torch.randn(40, 8, dtype=torch.float64))[0])
    assert curvature(Probe(network, torch.zeros(2, 2, 2, 2, dtype=torch.float64))) == pytest.approx(1, rel=1e-12)


def test_logits_that_do_not_move_have_no_curvature() -> None:
    with pytest.raises(NoAnswer, match="do not change along a circle"):
        curvature(Probe(Scaled(0.0), torch.zeros(2, 2, 2, 2, dtype=torch.float64)))


def test_curvature_of_a_convolutional_network_is_that_of_differences() -> None:
    probe = Probe(nasbench201().double(), batch()[0].double())
    found = curvature(probe)
    plane, _ = torch.linalg.qr(probe.noise("dextr", 2).flatten(1).T)
    network, step = nasbench201().double().train(), 1e-5

    def at(angle: float) -> Tensor:
        image = plane @ torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        logits: Tensor = network(image.view(1, 3, 8, 8)).detach()[0]
        return logits

    before, here, after = at(-step), at(0.0), at(step)
    velocity, acceleration = (after - before) / (2 * step), (after - 2 * here + before) / step**2
    area = velocity.square().sum() * acceleration.square().sum() - (velocity @ acceleration).square()
    assert found == pytest.approx(float(area.sqrt() / velocity.norm() ** 3), rel=1e-3)


def test_the_score_is_half_the_harmonic_mean() -> None:
    probe = Probe(nasbench201(), *batch())
    value = probe.run([PROXIES["dextr"]]).values["dextr"]
    a, b = math.log1p(independence(probe)), math.log1p(curvature(probe))
    assert value == pytest.approx(1 / (1 / a + 1 / b))


def test_only_the_first_image_matters() -> None:
    images, labels = batch()
    expected = Probe(nasbench201(), images, labels).run([PROXIES["dextr"]]).values["dextr"]
    assert Probe(nasbench201(), images[:1], labels[:1]).run([PROXIES["dextr"]]).values["dextr"] == expected
