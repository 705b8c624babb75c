"""Dextr: singular values and curvatures by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from networks import batch, nasbench201
from torch import Tensor, nn

from proxybench.proxies import PROXIES
from proxybench.proxies.base import NoAnswer
from proxybench.proxies.dextr import curvature, derivatives, independence, inverse_condition
from proxybench.proxies.probe import Probe


def test_inverse_conditions_by_hand() -> None:
    assert inverse_condition(torch.diag(torch.tensor([3.0, -1.0, 2.0]))) == pytest.approx(1 / 3)
    assert inverse_condition(torch.tensor([[1e30, 0.0, 0.0], [0.0, 2e30, 0.0]])) == pytest.approx(0.5)
    assert inverse_condition(torch.ones(3, 5)) == pytest.approx(0, abs=1e-7)
    assert inverse_condition(torch.zeros(2, 2)) == 0
    assert math.isnan(inverse_condition(torch.tensor([[math.nan, 1.0]])))


def test_derivatives_by_hand() -> None:
    angle = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    first, second = derivatives(torch.stack([angle**3, angle.sin(), 2 * angle]), angle)
    torch.testing.assert_close(first, torch.tensor([3 * 0.09, math.cos(0.3), 2], dtype=torch.float64))
    torch.testing.assert_close(second, torch.tensor([6 * 0.3, -math.sin(0.3), 0], dtype=torch.float64))


class NotBatched(torch.autograd.Function):
    """The square of a number, whose derivative torch cannot batch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        [x] = ctx.saved_tensors
        assert grads[0].item() in (0.0, 1.0)  # looks at a value
        return 2 * x * grads[0]


def test_operations_that_cannot_be_batched_are_differentiated_one_by_one() -> None:
    angle = torch.tensor(3.0, requires_grad=True)
    squared: Tensor = NotBatched.apply(angle)  # type: ignore[no-untyped-call]
    first, second = derivatives(torch.stack([squared, angle]), angle)
    assert first.tolist() == [6, 1]
    assert second.tolist() == [2, 0]


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
