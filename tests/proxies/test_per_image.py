"""Gradients of single images from one pass are used only where they are all that there is, and are right elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from networks import batch
from torch import Tensor, nn
from torch.nn import functional

import proxybench as pb
from proxybench.networks import build
from proxybench.proxies.layers import find_layers
from proxybench.proxies.per_image import all_plain, all_separable, recorded_calls
from proxybench.spaces import get_space

IMAGES, LABELS = batch(6, (3, 8, 8))


class Double(torch.autograd.Function):
    """A function of the network's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return 2 * gradients[0]


class Uses(nn.Module):
    """A convolution and two linear layers, used in the way that `use` says."""

    def __init__(self, use: Callable[[Uses, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.middle, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 4), nn.Linear(4, 4)
        self._use = use

    def forward(self, images: Tensor) -> Tensor:
        return self._use(self, images)


def pooled(network: Uses, images: Tensor) -> Tensor:
    return network.conv(images).relu().mean((2, 3))


def without_gradients(network: Uses, images: Tensor) -> Tensor:
    with torch.no_grad():
        return pooled(network, images)


PLAIN = {
    "by modules": lambda n, x: n.last(n.middle(pooled(n, x)).relu()),
    "twice": lambda n, x: n.last(n.middle(n.middle(pooled(n, x)).relu())),
    "without gradients": lambda n, x: n.last(n.middle(without_gradients(n, x))),
    "not at all": lambda n, x: n.last(pooled(n, x)),
}
OTHERS = {
    "by a function": lambda n, x: n.last(functional.linear(pooled(n, x), n.middle.weight)),
    "by both": lambda n, x: n.last(functional.linear(n.middle(pooled(n, x)), n.middle.weight)),
    "both ways round": lambda n, x: n.last(n.middle(pooled(n, x)) @ n.middle.weight),
    "rounded": lambda n, x: n.last(
        functional.conv2d(x, n.conv.weight + (n.conv.weight.round() - n.conv.weight).detach()).mean((2, 3))
    ),
    "added": lambda n, x: n.last(n.middle(pooled(n, x)) + n.middle.weight[0]),
    "a function of its own": lambda n, x: n.last(n.middle(Double.apply(pooled(n, x)))),
}


def by_hand(network: Uses) -> tuple[float, float]:
    """The trace of the tangent kernel and the sum of signs, each image alone."""
    trace, weights = 0.0, [network.conv.weight, network.middle.weight, network.last.weight]
    signs = [torch.zeros_like(weight) for weight in weights]
    for image, label in zip(IMAGES.split(1), LABELS.split(1), strict=True):
        logits = network(image)
        options = {"retain_graph": True, "allow_unused": True, "materialize_grads": True}
        trace += sum(float(one.square().sum()) for one in torch.autograd.grad(logits.sum(), weights, **options))
        loss = functional.cross_entropy(logits, label)
        found = torch.autograd.grad(loss, weights, **options)
        signs = [total + one.sign() for total, one in zip(signs, found, strict=True)]
    return trace, float(sum(total.abs().sum() for total in signs))


@pytest.mark.parametrize("name", [*PLAIN, *OTHERS])
def test_values_are_those_of_each_image_alone(name: str) -> None:
    torch.manual_seed(0)
    network = Uses({**PLAIN, **OTHERS}[name])
    found = pb.score(network, IMAGES, LABELS, proxies=["ntk_trace", "gradsign"])
    assert (found["ntk_trace"], found["gradsign"]) == pytest.approx(by_hand(network), rel=1e-4)


def are_separable(network: nn.Module, images: Tensor) -> bool:
    layers = find_layers(network)
    assert all_plain(layers, network)
    with recorded_calls(layers) as calls:
        logits = network(images)
    return all_separable(calls, layers, logits, len(images))


@pytest.mark.parametrize("name", [*PLAIN, *OTHERS])
def test_one_pass_is_enough_where_only_modules_use_the_weights(name: str) -> None:
    assert are_separable(Uses({**PLAIN, **OTHERS}[name]), IMAGES) == (name in PLAIN)


def test_one_pass_is_enough_for_a_cell() -> None:
    cell = "|nor_conv_3x3~0|+|avg_pool_3x3~0|none~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    assert are_separable(build(get_space("nasbench201").parse(cell), channels=4, cells=1), torch.randn(2, 3, 8, 8))


def test_a_hook_that_changes_what_a_layer_gave_is_seen() -> None:
    torch.manual_seed(0)
    network = Uses(PLAIN["by modules"])
    network.middle.register_forward_hook(lambda module, inputs, output: 3 * output)
    assert not are_separable(network, IMAGES)
    assert pb.score(network, IMAGES, proxies=["ntk_trace"])["ntk_trace"] == pytest.approx(by_hand(network)[0], rel=1e-4)


class Points(nn.Module):
    """Gives a row for each pixel, not for each image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.conv(images.flatten(2)).transpose(1, 2).flatten(0, 1)


def test_logits_without_a_row_for_each_image_have_no_kernel() -> None:
    found = pb.score(Points(), IMAGES, proxies=["ntk_trace"])
    assert found["ntk_trace"] != found["ntk_trace"]
    assert found.reasons["ntk_trace"] == "logits of shape (384, 4) do not say what belongs to which image"
