"""Parameters, FLOPs, depth and connected convolutions against counts by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from networks import (
    ALL_NONE,
    ALL_SKIP,
    CELL,
    DEAD_END,
    DISCONNECTED,
    NETWORKS,
    ResNet,
    Shared,
    VisionTransformer,
    batch,
    mobile_network,
    nasbench201,
    odd,
    plain_network,
)
from torch import Tensor, nn
from torch.nn import functional

from proxybench.networks.counts import count_flops
from proxybench.proxies import PROXIES
from proxybench.proxies.probe import Probe
from proxybench.proxies.scores import Scores

COUNTS = ["params", "flops", "depth", "convolutions"]
FULL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"


def count(network: nn.Module, shape: tuple[int, int, int] = (3, 8, 8)) -> Scores:
    return Probe(network, torch.zeros(1, *shape)).run([PROXIES[name] for name in COUNTS])


def test_parameters_of_a_normalisation_belong_to_the_convolution_before_it() -> None:
    # stem 3 x 4 x 9, batch normalisation 2 x 4; second 4 x 4 x 9 + 4; classifier 4 x 4 + 4
    network = nn.Sequential(
        *(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.Conv2d(4, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4)),
    )
    assert count(network).nodes["params"].tolist() == [108 + 8, 144 + 4, 16 + 4]


def test_parameters_stay_within_the_smallest_module() -> None:
    # normalisation before its convolution, in a block of its own: 2 x 3 + 9; the next block 6 + 9
    block = [nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 3, 1, bias=False)) for _ in range(2)]
    assert count(nn.Sequential(*block, nn.Flatten(), nn.Flatten())).nodes["params"].tolist() == [15, 15]


def test_the_last_normalisation_of_a_network_goes_to_the_last_convolution() -> None:
    network = nasbench201(ALL_SKIP)
    nodes = dict(zip(network.operations, count(network).nodes["params"], strict=True))
    # reduction 8 -> 16: 8 16 9 + 32, 16 16 9 + 32, 8 16; the network's last normalisation 2 x 16
    assert nodes["cells.3"] == 1152 + 32 + 2304 + 32 + 128 + 32
    assert nodes["stem"] == 108 + 8
    assert nodes["classifier"] == 16 * 4 + 4
    assert all(value == 0 for name, value in nodes.items() if ".edges." in name)


def test_parameters_without_a_module_of_their_own_go_to_the_first_layer() -> None:
    network = VisionTransformer()
    nodes = dict(zip([*count(network).operations], count(network).nodes["params"], strict=True))
    assert nodes["patches"] == 8 * 3 * 16 + 8 + 8 + 5 * 8  # weight, bias, class token, positions
    # packed projection 24 x 8 + 24, and the normalisations of its block, which are registered before it
    assert nodes["blocks.0.attention.in_proj_weight"] == 192 + 24 + 2 * 16
    assert nodes["blocks.0.attention.out_proj"] == 64 + 8


@pytest.mark.parametrize("kind", [name for name in NETWORKS if name != "no layers"])
def test_counts_are_those_of_the_whole_network(kind: str) -> None:
    network, images, _ = odd(kind)
    found = Probe(network, images).run([PROXIES[name] for name in COUNTS])
    assert found.values["params"] == sum(parameter.numel() for parameter in network.parameters())
    assert found.values["flops"] == count_flops(network, (3, 8, 8)).total
    assert found.nodes["params"].sum() == found.values["params"]
    assert found.nodes["flops"].sum() == found.values["flops"]


def test_flops_by_hand() -> None:
    # 8 x 8 positions: 3 4 9 multiply-adds and a bias for 4 channels, 4 4 9 and a bias; ReLU 4 each; classifier 4 4;
    # pooling one window of 8 x 8 for 4 channels, 81 each. The ReLU goes to the layer before it, the pooling too.
    network = plain_network(norm=False)
    assert count(network).nodes["flops"].tolist() == [
        64 * (108 + 4 + 4),
        64 * (144 + 4 + 4) + 4 * 81,
        16,
    ]


def test_flops_need_one_image_and_parameters_none() -> None:
    calls: list[int] = []
    network = nasbench201()
    network.register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
    Probe(network, *batch()).run([PROXIES["flops"], PROXIES["params"]])
    assert calls == [1]


class NeedsValues(nn.Module):
    """Takes another way for dark images."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(3, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = images.mean((2, 3))
        return self.last(x if x.sum() > 0 else -x)


def test_a_network_whose_way_depends_on_values_is_counted() -> None:
    # pooling is a mean: one window of 8 x 8 for 3 channels; the classifier 3 4
    assert count(NeedsValues()).values == {"params": 16, "flops": 3 * 81 + 12, "depth": 1, "convolutions": 0}


@pytest.mark.parametrize(
    ("cell", "depth", "convolutions"),
    [
        # stem 1, two convolutions in each of two reductions, classifier 1; 3 convolutions a reduction
        (ALL_SKIP, 6, 7),
        # three cells of one path through three convolutions, and six of them
        (FULL, 6 + 9, 7 + 18),
        # 0 -> 1 -> 3 by two convolutions; the convolutions 0 -> 1, 0 -> 2, 1 -> 3
        (CELL, 6 + 6, 7 + 9),
        # the convolutions 0 -> 1 and 2 -> 3 lead nowhere, and from nowhere
        (DEAD_END, 6, 7),
    ],
)
def test_depth_and_convolutions_of_a_cell(cell: str, depth: int, convolutions: int) -> None:
    found = count(nasbench201(cell)).values
    assert (found["depth"], found["convolutions"]) == (depth, convolutions)


def test_convolutions_are_counted_where_they_are() -> None:
    network = nasbench201(DEAD_END)
    nodes = dict(zip(network.operations, count(network).nodes["convolutions"], strict=True))
    assert {name: value for name, value in nodes.items() if value} == {"stem": 1, "cells.1": 3, "cells.3": 3}


@pytest.mark.parametrize("cell", [ALL_NONE, DISCONNECTED])
def test_a_network_without_a_path_has_no_depth(cell: str) -> None:
    found = count(nasbench201(cell))
    assert found.unanswered == {"depth": "no path leads from the images to the logits"}
    assert found.values["convolutions"] == 0


@pytest.mark.parametrize(
    ("build", "depth", "convolutions"),
    [
        (plain_network, 3, 2),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), 1, 0),
        (lambda: nn.Flatten(), 0, 0),
        (ResNet, 6, 6),  # stem, two blocks of two, classifier; the shortcut of the second is a sixth convolution
        # stem, then in each block expansion, depthwise, squeeze, excite, projection; classifier
        (mobile_network, 12, 11),
        # patches; packed projection, output projection, two linear layers, twice; head
        (VisionTransformer, 10, 1),
        (Shared, 5, 2),  # stem, three applications of one weight, classifier; two convolution weights
    ],
    ids=["plain", "linear", "nothing", "residual", "mobile", "transformer", "shared"],
)
def test_depth_and_convolutions_of_any_module(build: Callable[[], nn.Module], depth: int, convolutions: int) -> None:
    found = count(build()).values
    assert found["depth"] == depth
    if convolutions or depth:
        assert found["convolutions"] == convolutions


class Standardised(nn.Conv2d):
    """A convolution whose weight is standardised before it is used."""

    def forward(self, images: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return functional.conv2d(images, weight / weight.std((1, 2, 3), keepdim=True), self.bias)


def test_a_weight_that_is_transformed_first_is_a_layer() -> None:
    assert count(nn.Sequential(Standardised(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))).values["depth"] == 2


@pytest.mark.parametrize("kind", ["zero weights", "NaN weights", "exploding weights", "frozen", "evaluation mode"])
def test_values_of_weights_do_not_matter(kind: str) -> None:
    network, images, _ = odd(kind)
    expected = count(nasbench201() if kind in ("frozen", "evaluation mode") else plain_network()).values
    found = Probe(network, images).run([PROXIES["depth"], PROXIES["convolutions"]]).values
    assert found == {"depth": expected["depth"], "convolutions": expected["convolutions"]}
