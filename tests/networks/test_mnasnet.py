"""MnasNet networks: published parameters and multiply-adds, EfficientNet-B0, counts by hand, places of operations."""

from __future__ import annotations

import random
from itertools import pairwise, product
from pathlib import Path

import pytest
import torch
from torch import nn

from proxybench.errors import InvalidArchitecture, UnknownName
from proxybench.networks.mnasnet import build, scaled
from proxybench.spaces import get_space
from proxybench.spaces.mnasnet import BLOCKS, EXPANSIONS, KERNELS, MnasNet

SPACE = MnasNet()
SMALL = {"num_classes": 10, "in_shape": (3, 32, 32), "width": 0.25, "depth": 0.5}
EFFICIENTNET_B0 = SPACE.parse(SPACE.example)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def published_multiply_adds(network: nn.Module, side: int) -> int:
    """The count of `macs` in the published records, which the profiler thop made.

    Multiply-adds of convolutions and of the linear layer, four operations an element of a batch normalisation, and
    for a global pooling one more than the window for each output.
    """
    counts: list[int] = []

    def count(module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        match module:
            case nn.Conv2d() | nn.Linear():
                counts.append(output.numel() * module.weight[0].numel())
            case nn.BatchNorm2d():
                counts.append(4 * output.numel())
            case nn.AdaptiveAvgPool2d():
                counts.append(inputs[0].numel() + output.numel())

    handles = [module.register_forward_hook(count) for module in network.modules()]
    last = network.eval().features(torch.empty(1, 3, side, side, device="meta"))
    counts.append(last.numel() + last.shape[1])  # the pooling and the classifier behind the features
    counts.append(network.classifier.weight.numel())
    for handle in handles:
        handle.remove()
    return sum(counts)


def test_efficientnet_b0_has_the_documented_parameters():
    with torch.device("meta"):
        assert parameters(build(EFFICIENTNET_B0)) == 5_288_548  # torchvision's efficientnet_b0


def test_parameters_by_hand():
    # all channels times 0.125 are below 8 up to block 3, then 14 -> 16, 24, 40; head 4 * 40; eight of stem
    arch = SPACE.parse("-".join(["e1k3l1se0"] * 7))
    network = build(arch, 10, (1, 32, 32), width=0.125)
    widths = [8, 8, 8, 8, 16, 16, 24, 40]
    blocks = sum((c * 9 + 2 * c) + (c * d + 2 * d) for c, d in pairwise(widths))
    assert [scaled(channels, 0.125) for channels in (32, 16, 24, 40, 80, 112, 192, 320)] == [8, 8, 8, 8, 16, 16, 24, 40]
    assert parameters(network) == (9 * 8 + 16) + blocks + (40 * 160 + 320) + (160 * 10 + 10)


def test_squeeze_and_excitation_has_a_quarter_of_the_layers_input():
    with_it, without = (build(SPACE.parse("-".join([f"e4k3l2se{attention}"] * 7))).body.block1 for attention in (1, 0))
    # block 1 has 16 and then 24 channels before the expansion: 64 -> 4 -> 64 and 96 -> 6 -> 96, with biases
    first, second = (parameters(one) - parameters(other) for one, other in zip(with_it, without, strict=True))
    assert first == (64 * 4 + 4) + (4 * 64 + 64)
    assert second == (96 * 6 + 6) + (6 * 96 + 96)


def test_networks_have_the_published_figures(real_tables: Path):
    import proxybench as pb

    bench = pb.load("accel-nasbench")
    frame = bench.frame(dataset="imagenet", metrics=["params", "flops"], epochs=0)
    rows = random.Random(0).sample(range(len(bench)), 8)
    found = []
    with torch.device("meta"):
        for row in rows:
            network = build(bench.arch(row))
            found.append((parameters(network), published_multiply_adds(network, 224)))
    assert found == [(int(params), int(flops)) for params, flops in frame.to_numpy()[rows]]


def test_all_published_parameters_are_sums_over_layers(real_tables: Path):
    import proxybench as pb

    bench = pb.load("accel-nasbench")
    params = bench.frame(dataset="imagenet", metrics=["params"], epochs=0)["params"].astype(int).to_list()
    first, later = {}, {}  # (block, expansion, kernel, attention) -> parameters of a layer
    with torch.device("meta"):
        for choice in product(EXPANSIONS, KERNELS, (0, 1)):
            expansion, kernel, attention = choice
            network = build(SPACE.parse("-".join([f"e{expansion}k{kernel}l2se{attention}"] * BLOCKS)))
            outside = parameters(network)
            for block in range(BLOCKS):
                layers = network.get_submodule(f"body.block{block}")
                first[block, *choice], later[block, *choice] = map(parameters, layers)
                outside -= parameters(layers)
    counted = []
    for row in range(len(bench)):
        total = outside
        for block, (expansion, kernel, layers, attention) in enumerate(SPACE.blocks(bench.arch(row))):
            choice = (block, expansion, kernel, attention)
            total += first[choice] + (layers - 1) * later[choice]
        counted.append(total)
    assert len(counted) == 5_125
    assert counted == params


def test_squeeze_and_excitation_scales_channels():
    torch.manual_seed(0)
    attention = build(SPACE.parse("-".join(["e4k3l1se1"] * 7)), **SMALL).body.block1[0].layers[2]
    maps = torch.randn(2, 32, 5, 5)
    _, squeeze, _, excite, _ = attention.scale
    means = maps.mean(dim=(2, 3))
    hidden = (means @ squeeze.weight[:, :, 0, 0].T + squeeze.bias).relu()
    scale = (hidden @ excite.weight[:, :, 0, 0].T + excite.bias).sigmoid()
    torch.testing.assert_close(attention(maps), maps * scale[:, :, None, None])


def test_places_are_the_same_for_all_and_hold_every_weight_layer_once():
    for arch in SPACE.sample(5, seed=0):
        network = build(arch, **SMALL)
        blocks = [f"body.block{number}" for number in range(7)]
        assert network.operations == ("body.stem", *blocks, "body.head", "classifier")
        depths = [-(-layers // 2) for _, _, layers, _ in SPACE.blocks(arch)]
        layers = [f"{block}.{layer}" for block, depth in zip(blocks, depths, strict=True) for layer in range(depth)]
        assert network.blocks == ("body.stem", *layers)
        held = [layer for name in network.operations for layer in network.get_submodule(name).modules()]
        weighty = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        assert [layer for layer in held if isinstance(layer, nn.Conv2d | nn.Linear)] == weighty


@pytest.mark.parametrize(("activation", "attention"), [("relu", 0), ("silu", 1)])
def test_gradients_reach_every_parameter(activation, attention):
    torch.manual_seed(0)
    arch = SPACE.parse("-".join([f"e4k5l2se{attention}"] * 7))
    network = build(arch, **SMALL, activation=activation)
    network(torch.randn(16, 3, 32, 32)).logsumexp(1).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
    assert any(isinstance(module, nn.SiLU) for module in network.modules()) == (activation == "silu")


def test_any_resolution_passes():
    network = build(EFFICIENTNET_B0, 7, (1, 33, 1), width=0.25, depth=0.25).eval()
    assert network.features(torch.randn(2, 1, 33, 1)).shape == (2, 4 * 80, 2, 1)
    assert network(torch.randn(2, 1, 1, 1)).shape == (2, 7)


def test_other_graphs_and_options_are_refused():
    with pytest.raises(InvalidArchitecture, match="another space"):
        build(get_space("nasbench-macro").parse("00000000"))
    with pytest.raises(UnknownName, match="silu"):
        build(EFFICIENTNET_B0, activation="silo")
    with pytest.raises(ValueError, match="width must"):
        build(EFFICIENTNET_B0, width=-1)
