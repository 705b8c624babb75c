"""The replaced layers have torch's results and derivatives, and correct second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from proxybench.proxies.second_derivatives import FastSecondDerivatives


class ByImage(nn.Module):
    """Each channel of each image normalised by its own statistics."""

    def __init__(self, affine: bool) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor([0.5, -1.0, 2.0, 1.5]) if affine else None)
        self.register_buffer("bias", torch.arange(4.0) if affine else None)

    def forward(self, x: Tensor) -> Tensor:
        images, channels, height, width = x.shape
        sizes = (images, channels, height * width, channels)
        out: Tensor = torch.native_group_norm(x.contiguous(), self.weight, self.bias, *sizes, 1e-5)[0]
        return out


SETTINGS: dict[str, Callable[[], nn.Module]] = {
    "plain": lambda: nn.Conv2d(4, 6, 3, padding=1, bias=False),
    "strided": lambda: nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), bias=False),
    "dilated groups": lambda: nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2, bias=False),
    "with bias": lambda: nn.Conv2d(4, 6, 3),
    "same": lambda: nn.Conv2d(4, 6, 3, padding="same", bias=False),
    "normalisation": lambda: nn.BatchNorm2d(4),
    "normalisation without weight": lambda: nn.BatchNorm2d(4, affine=False),
    "normalisation in evaluation mode": lambda: nn.BatchNorm2d(4).eval(),
    "normalisation by image": lambda: ByImage(affine=True),
    "normalisation by image without weight": lambda: ByImage(affine=False),
    "rectifier": nn.ReLU,
    "rectifier in place": lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)),
    "pooling": lambda: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
    "pooling that rounds up": lambda: nn.AvgPool2d((2, 3), ceil_mode=True),
}


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("setting", SETTINGS)
def test_products_with_the_hessian_are_those_of_torch(setting: str, order: torch.memory_format) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.Tanh(), SETTINGS[setting](), nn.Tanh()).double()
    images = torch.randn(5, 3, 7, 6, dtype=torch.float64).contiguous(memory_format=order)

    def found(fast: bool) -> list[Tensor]:
        inputs = [images.clone().requires_grad_(), *network.parameters()]
        with FastSecondDerivatives() if fast else nullcontext():
            output = network(inputs[0])
        first = torch.autograd.grad(output.pow(3).sum(), inputs, create_graph=True)
        norm = torch.stack([gradient.square().sum() for gradient in first]).sum()
        return [output, *first, *torch.autograd.grad(norm, inputs)]

    for one, other in zip(found(fast=True), found(fast=False), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_derivatives_by_kernels_can_be_left_out() -> None:
    torch.manual_seed(0)
    layer, images = nn.Conv2d(3, 4, 3, bias=False), torch.randn(2, 3, 5, 5, requires_grad=True)
    with FastSecondDerivatives() as replaced:
        output = layer(images).pow(2).sum()
    with replaced.without_weights():
        found = torch.autograd.grad(output, [images, layer.weight], retain_graph=True, allow_unused=True)
    assert found[1] is None
    with_weights = torch.autograd.grad(output, [images, layer.weight])
    assert torch.equal(found[0], with_weights[0])
    assert with_weights[1].any()


@pytest.mark.parametrize("affine", [True, False])
def test_second_derivatives_of_a_normalisation(affine: bool) -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)]
    if affine:
        inputs += [torch.randn(2, dtype=torch.float64, requires_grad=True) for _ in range(2)]

    def normalised(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        with FastSecondDerivatives():
            return functional.batch_norm(x, None, None, weight, bias, training=True)

    assert torch.autograd.gradgradcheck(normalised, inputs)


def test_running_statistics_are_those_of_torch() -> None:
    images = torch.randn(4, 3, 5, 5)
    one, other = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    with FastSecondDerivatives():
        replaced = one(images)
    assert torch.equal(replaced, other(images))
    assert torch.equal(one.running_mean, other.running_mean)
    assert torch.equal(one.running_var, other.running_var)
    with FastSecondDerivatives(), pytest.raises(ValueError, match="more than 1 value per channel"):
        one(torch.randn(1, 3, 1, 1))
