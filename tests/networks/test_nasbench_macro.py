"""NAS-Bench-Macro networks: published parameters and FLOPs, counts by hand, the places of operations."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from proxybench.errors import InvalidArchitecture
from proxybench.networks.counts import count_flops
from proxybench.networks.nasbench_macro import build, layer
from proxybench.spaces import get_space
from proxybench.spaces.nasbench_macro import OPERATIONS, NASBenchMacro

SPACE = NASBenchMacro()
SMALL = {"channels": 4, "head_channels": 16}
CHANNELS = (32, 64, 64, 128, 128, 128, 256, 256, 256)  # stem, layers


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_by_hand():
    # stem 3*4*9 + 8; identities of the first layers: 4*8 + 16, 8*16 + 32, 16*32 + 64; head 32*16 + 32; 16*10 + 10
    smallest = parameters(build(SPACE.parse("00000000"), **SMALL))
    assert smallest == 116 + 48 + 160 + 576 + 544 + 170
    # a later layer of the first stage: 8 -> 24 -> 24 (3x3) -> 8
    assert parameters(build(SPACE.parse("01000000"), **SMALL)) - smallest == (8 * 24 + 48) + (24 * 9 + 48) + (
        24 * 8 + 16
    )
    # its first layer: 4 -> 24 -> 24 (5x5) -> 8, in the place of 4 -> 8
    assert parameters(build(SPACE.parse("20000000"), **SMALL)) - smallest == (
        (4 * 24 + 48) + (24 * 25 + 48) + (24 * 8 + 16) - 48
    )


def test_a_network_has_the_published_figures():
    with torch.device("meta"):
        network = build(SPACE.parse("02012100"))
    assert parameters(network) == 890_666
    # the published FLOPs are multiply-adds without the classifier's ten biases
    assert count_flops(network, (3, 32, 32), rule="nats-bench").total - 10 == 47_327_744


def test_networks_have_the_published_figures(real_tables: Path):
    import proxybench as pb

    bench = pb.load("nasbench-macro")
    frame = bench.frame(dataset="cifar10", metrics=["params", "flops"], epochs=0)
    rows = random.Random(0).sample(range(len(bench)), 10)
    found = []
    with torch.device("meta"):
        for row in rows:
            network = build(SPACE.simplified(bench.arch(row)))
            flops = count_flops(network, (3, 32, 32), rule="nats-bench").total
            found.append((parameters(network), flops - 10))
    assert found == [(int(params), int(flops)) for params, flops in frame.to_numpy()[rows]]


def test_all_published_parameters_are_sums_over_layers(real_tables: Path):
    import proxybench as pb

    bench = pb.load("nasbench-macro")
    params = bench.frame(dataset="cifar10", metrics=["params"], epochs=0)["params"].astype(int).to_list()
    with torch.device("meta"):
        outside = parameters(build(SPACE.parse("00000000")))
        of_layer = [
            {op: parameters(layer(op, c_in, c_out, 2 if c_in < c_out else 1)) for op in OPERATIONS}
            for c_in, c_out in pairwise(CHANNELS)
        ]
    outside -= sum(sizes["identity"] for sizes in of_layer)
    counted = [
        outside + sum(sizes[op] for sizes, op in zip(of_layer, bench.arch(row).ops[1:-1], strict=True))
        for row in range(len(bench))
    ]
    assert len(counted) == 6_561
    assert counted == params


def test_where_a_stages_identities_are_does_not_matter():
    torch.manual_seed(0)
    one, other = (build(SPACE.parse(text), **SMALL).eval() for text in ("00010001", "00001010"))
    renamed = {"body.layer3": "body.layer4", "body.layer7": "body.layer6"}
    weights = {renamed.get(name[:11], name[:11]) + name[11:]: value for name, value in one.state_dict().items()}
    other.load_state_dict(weights)
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(one(images), other(images))


def test_layers_are_residual_where_shapes_agree():
    torch.manual_seed(0)
    module = layer("mbconv_k3_e3", 4, 4, 1).eval()
    maps = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(module(maps), maps + module.layers(maps))
    assert layer("mbconv_k5_e6", 4, 8, 2)(maps).shape == (2, 8, 3, 3)
    assert not list(layer("identity", 4, 4, 1).parameters())


def test_places_are_the_same_for_all_and_hold_every_weight_layer_once():
    archs = [SPACE.parse(text) for text in ("00000000", "12012012", "22222222")]
    networks = [build(arch, **SMALL) for arch in archs]
    layers = [f"body.layer{number}" for number in range(8)]
    for network in networks:
        assert network.operations == ("body.stem", *layers, "body.head", "classifier")
        assert network.blocks == ("body.stem", *layers)
        held = [layer for name in network.operations for layer in network.get_submodule(name).modules()]
        weighty = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        assert [layer for layer in held if isinstance(layer, nn.Conv2d | nn.Linear)] == weighty


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    network = build(SPACE.parse("12012012"), **SMALL)
    network(torch.randn(8, 3, 16, 16)).logsumexp(1).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_any_resolution_passes():
    network = build(SPACE.parse("12012012"), 7, (1, 9, 1), **SMALL).eval()
    assert network.features(torch.randn(2, 1, 9, 1)).shape == (2, 16, 2, 1)
    assert network(torch.randn(2, 1, 1, 1)).shape == (2, 7)


def test_other_graphs_and_sizes_are_refused():
    with pytest.raises(InvalidArchitecture, match="another space"):
        build(get_space("nds-resnet").sample(1, seed=0)[0])
    with pytest.raises(ValueError, match="head_channels"):
        build(SPACE.parse("00000000"), head_channels=0)
