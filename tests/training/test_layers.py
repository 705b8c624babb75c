"""Layers of several networks at once give what the layers give one by one, values and gradients, in both layouts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial

import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch
from torch import nn

from proxybench.networks.layers import FactorizedReduction
from proxybench.networks.vit import ChannelsFirst, ChannelsLast
from proxybench.training.layers import (
    StackedChannelsFirst,
    StackedChannelsLast,
    StackedConv,
    StackedLinear,
    StackedNorm,
    StackedReduction,
    StackedTokenNorm,
)
from proxybench.training.layouts import Layout
from proxybench.training.pools import StackedMaximum, StackedMean

SEEDS = 2
LAYERS: dict[str, tuple[Callable[..., nn.Module], Callable[[], nn.Module]]] = {
    "3x3": (StackedConv, lambda: nn.Conv2d(4, 6, 3, padding=1)),
    "3x3 stride 2": (StackedConv, lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False)),
    "1x1": (StackedConv, lambda: nn.Conv2d(4, 6, 1, bias=False)),
    "1x1 stride 2": (StackedConv, lambda: nn.Conv2d(4, 6, 1, stride=2, bias=False)),
    "depthwise": (StackedConv, lambda: nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False)),
    "dilated depthwise stride 2": (
        StackedConv, lambda: nn.Conv2d(4, 4, 3, stride=2, padding=2, dilation=2, groups=4, bias=False),
    ),
    "1x1 with bias": (StackedConv, lambda: nn.Conv2d(4, 6, 1)),
    "5x3 stride 3": (StackedConv, lambda: nn.Conv2d(4, 6, (5, 3), stride=(3, 1), padding=(2, 0), bias=False)),
    "wide": (StackedConv, lambda: nn.Conv2d(40, 2, 3, padding=1)),
    "grouped": (StackedConv, lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2)),
    "norm": (StackedNorm, lambda: nn.BatchNorm2d(4)),
    "norm without weights": (StackedNorm, lambda: nn.BatchNorm2d(4, affine=False, momentum=0.3)),
    "mean": (StackedMean, lambda: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)),
    "mean of a ragged end": (StackedMean, lambda: nn.AvgPool2d(2, stride=2, ceil_mode=True)),
    "mean of padding too": (StackedMean, lambda: nn.AvgPool2d(3, stride=1, padding=1)),
    "maximum": (StackedMaximum, lambda: nn.MaxPool2d(3, stride=2, padding=1)),
    "maximum of neighbours": (StackedMaximum, lambda: nn.MaxPool2d(3, stride=1, padding=1)),
    "maximum with gaps": (StackedMaximum, lambda: nn.MaxPool2d(2, stride=1, dilation=2)),
    "maximum of a ragged end": (StackedMaximum, lambda: nn.MaxPool2d(2, stride=2, ceil_mode=True)),
}  # fmt: skip


def randomised(layer: nn.Module) -> nn.Module:
    """With weights that are no special case, such as the ones of a normalisation."""
    for value in [*layer.parameters(), *layer.buffers()]:
        if value.is_floating_point():
            value.data.uniform_(0.5, 1.5)
    return layer.double()


@pytest.mark.parametrize("size", [(5, 4), (9, 9)], ids=str)
@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("name", LAYERS)
def test_one_layer_for_all_seeds_is_each_seeds_own(name: str, layout: Layout, size: tuple[int, int]) -> None:
    require_equal(*LAYERS[name], layout, size)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_of_many_channels_of_four_pixels(stride: int) -> None:
    make = partial(nn.Conv2d, 20, 6, 3, stride=stride, padding=1, bias=False)
    require_equal(StackedConv, make, Layout.IMAGES_LAST, (2, 2))


def require_equal(
    stacked_as: Callable[..., nn.Module], make: Callable[[], nn.Module], layout: Layout, size: tuple[int, int]
) -> None:
    """In values and gradients, of several seeds at once and one by one."""
    torch.manual_seed(0)
    alone = [randomised(make()) for _ in range(SEEDS)]
    together = stacked_as(copy.deepcopy(alone), layout)
    images, joined = require_equal_maps(alone, together, getattr(alone[0], "in_channels", 4), size)
    for place, weight in enumerate(together.parameters()):
        own = [list(layer.parameters())[place].grad for layer in alone]
        torch.testing.assert_close(weight.grad, torch.cat([gradient for gradient in own if gradient is not None]))
    with torch.no_grad():
        expected = torch.cat([layer.eval()(part) for layer, part in zip(alone, images, strict=True)], dim=1)
        torch.testing.assert_close(together.eval()(joined), expected)


def require_equal_maps(
    alone: Sequence[nn.Module], together: nn.Module, channels: int, size: tuple[int, int]
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """In values and in gradients of images, which are left in the weights too; the images, apart and joined."""
    images = [torch.randn(3, channels, *size, dtype=torch.float64, requires_grad=True) for _ in range(SEEDS)]
    joined = torch.cat(images, dim=1).detach().requires_grad_()
    for _ in range(2):  # running statistics move in the first and are used in an evaluation after it
        expected = torch.cat([layer(part) for layer, part in zip(alone, images, strict=True)], dim=1)
        found = together(joined)
        torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    torch.autograd.backward((expected * weights).sum())
    torch.autograd.backward((found * weights).sum())
    torch.testing.assert_close(joined.grad, torch.cat([part.grad for part in images if part.grad is not None], dim=1))
    return images, joined


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    pool = nn.MaxPool2d(2, stride=1)
    together = StackedMaximum([pool], Layout.IMAGES_LAST)
    maps = torch.tensor([[[[1.0, 1.0, 0.0], [1.0, 2.0, 2.0], [0.0, 2.0, 2.0]]]], requires_grad=True)
    found = together(maps)
    assert found.tolist() == [[[[2, 2], [2, 2]]]]
    torch.autograd.backward((found * torch.tensor([[1.0, 10.0], [100.0, 1000.0]])).sum())
    assert maps.grad is not None
    assert maps.grad.tolist() == [[[[0, 0, 0], [0, 1111, 0], [0, 0, 0]]]]
    with torch.no_grad():
        maps[0, 0, 1, 1] = 1
    maps.grad.zero_()
    torch.autograd.backward((together(maps) * torch.tensor([[1.0, 10.0], [100.0, 1000.0]])).sum())
    assert maps.grad.tolist() == [[[[1, 0, 0], [0, 0, 1010], [0, 100, 0]]]]


def test_what_is_not_a_number_is_above_all_numbers() -> None:
    maps = torch.tensor([[[[torch.nan, 1.0, 2.0]]]])
    found = StackedMaximum([nn.MaxPool2d((1, 2), stride=1)], Layout.IMAGES_LAST)(maps)
    torch.testing.assert_close(found, torch.tensor([[[[torch.nan, 2.0]]]]), equal_nan=True)


@pytest.mark.parametrize("size", [(5, 4), (8, 8)], ids=str)
def test_one_factorised_reduction_for_all_seeds_is_each_seeds_own(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    alone = [FactorizedReduction(4, 6) for _ in range(SEEDS)]
    for layer in alone:
        randomised(layer)
    together = StackedReduction(copy.deepcopy(alone), Layout.IMAGES_LAST)
    require_equal_maps(alone, together, 4, size)
    for name, weight in (("conv_a", together.first), ("conv_b", together.second), ("bn", together.bn.weight)):
        own = [layer.get_parameter(f"{name}.weight").grad for layer in alone]
        assert weight.grad is not None
        torch.testing.assert_close(
            weight.grad.flatten(), torch.cat([gradient.flatten() for gradient in own if gradient is not None])
        )


def test_a_linear_layer_for_all_seeds() -> None:
    torch.manual_seed(0)
    alone = [nn.Linear(4, 3) for _ in range(SEEDS)]
    rows = torch.randn(5, SEEDS * 4)
    expected = torch.cat([layer(part) for layer, part in zip(alone, rows.chunk(SEEDS, dim=1), strict=True)], dim=1)
    torch.testing.assert_close(StackedLinear(alone, Layout.CHANNELS_LAST)(rows), expected)


def test_a_normalisation_without_running_statistics_is_refused() -> None:
    with pytest.raises(TypeError, match="without running statistics"):
        StackedNorm([nn.BatchNorm2d(4, track_running_stats=False)], Layout.CHANNELS_LAST)


TOKENS: dict[str, tuple[Callable[..., nn.Module], Callable[[], nn.Module]]] = {
    "linear": (StackedLinear, lambda: nn.Linear(4, 6)),
    "linear without bias": (StackedLinear, lambda: nn.Linear(4, 6, bias=False)),
    "norm": (StackedTokenNorm, lambda: nn.LayerNorm(4)),
}


@pytest.mark.parametrize("name", TOKENS)
def test_one_layer_of_tokens_for_all_seeds_is_each_seeds_own(name: str) -> None:
    torch.manual_seed(0)
    stacked_as, make = TOKENS[name]
    alone = [randomised(make()) for _ in range(SEEDS)]
    together = stacked_as(copy.deepcopy(alone), Layout.CHANNELS_LAST)
    tokens = torch.randn(SEEDS, 3, 5, 2, 4, dtype=torch.float64)
    expected = torch.stack([layer(part) for layer, part in zip(alone, tokens, strict=True)])
    found = together(tokens)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    torch.autograd.backward((expected * weights).sum())
    torch.autograd.backward((found * weights).sum())
    for place, weight in enumerate(together.parameters()):
        own = [list(layer.parameters())[place].grad for layer in alone]
        torch.testing.assert_close(weight.grad, torch.stack([gradient for gradient in own if gradient is not None]))


def test_maps_become_the_tokens_of_each_seed_and_maps_again() -> None:
    maps = torch.randn(3, SEEDS * 4, 5, 2)
    tokens = StackedChannelsLast([ChannelsLast()] * SEEDS, Layout.CHANNELS_LAST)(maps)
    for seed, part in enumerate(maps.chunk(SEEDS, dim=1)):
        assert torch.equal(tokens[seed], ChannelsLast()(part))
    assert torch.equal(StackedChannelsFirst([ChannelsFirst()] * SEEDS, Layout.CHANNELS_LAST)(tokens), maps)


def test_a_token_normalisation_without_weights_is_refused() -> None:
    with pytest.raises(TypeError, match="or without weights"):
        StackedTokenNorm([nn.LayerNorm(4, elementwise_affine=False)], Layout.CHANNELS_LAST)
