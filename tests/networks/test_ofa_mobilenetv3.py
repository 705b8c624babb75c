"""Once-for-all MobileNetV3: parameters and multiply-adds as DyNAS-T counted them, nodes, all proxies."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra proxybench[torch] is not installed")

import torch
from torch import nn
from transformer_proxies import OF_TRANSFORMERS

from proxybench.networks.counts import count_flops, count_parameters
from proxybench.networks.ofa_mobilenetv3 import HardSigmoid, build
from proxybench.proxies import PROXIES
from proxybench.proxies.layers import find_layers, group_by_operation
from proxybench.proxies.probe import Probe
from proxybench.readers.untrusted import read_csv_columns
from proxybench.spaces import get_space

SPACE = get_space("ofa-mobilenetv3")
FILE = (
    "IntelLabs/DyNAS-T/251cb5e0083077522eb554691f480ba750e63246/notebooks/data/mbnv3w10_evounsga3_acc_macs_params.csv"
)
EXAMPLE = SPACE.parse(SPACE.example)


def test_parameters_by_hand() -> None:
    counts = count_parameters(build(EXAMPLE, 10))
    assert counts.within("body.first") == 9 * 16 + 32 + 16 * 16 + 32
    assert counts.within("body.stage0_block0") == 16 * 96 + 192 + 9 * 96 + 192 + 96 * 24 + 48
    # 24 channels, tripled to 72, squeezed to 72 / 4 = 18, which becomes 24
    attention = 72 * 24 + 24 + 24 * 72 + 72
    assert counts.within("body.stage1_block0") == 24 * 72 + 144 + 9 * 72 + 144 + attention + 72 * 40 + 80
    assert counts.within("body.stage0_block2") == 0
    assert counts.within("classifier") == 960 * 1280 + 1280 * 10 + 10


def test_parameters_and_multiply_adds_are_the_published_ones(mirror) -> None:
    columns = read_csv_columns(mirror / FILE, ["Sub-network"])
    for line in range(0, len(columns["MACs"]), 150):
        network = build(SPACE.parse(columns["Sub-network"][line]))
        assert count_parameters(network).total == int(columns["Model Parameters"][line])
        counted = count_flops(network, (3, 224, 224), rule="nats-bench").total
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        biases = sum(layer.bias.numel() for layer in layers if layer.bias is not None)
        assert counted - biases == int(columns["MACs"][line])


def test_the_resolution_is_that_of_the_architecture_unless_another_is_given() -> None:
    small = SPACE.parse(SPACE.example.replace("r224", "r128"))
    network = build(small, 10, width=0.25).eval()
    assert network.features(torch.randn(1, 3, 128, 128)).shape[2:] == (4, 4)
    assert build(small, 10, (1, 32, 32), width=0.25)(torch.randn(2, 1, 32, 32)).shape == (2, 10)


def test_the_gate_is_the_hard_sigmoid() -> None:
    values = torch.linspace(-5, 5, 21)
    torch.testing.assert_close(HardSigmoid()(values), nn.functional.hardsigmoid(values))


def test_operations_with_weights_are_the_nodes_of_the_graph() -> None:
    for arch in SPACE.sample(3, 0):
        network = build(arch, 4, width=0.25)
        counts = count_parameters(network)
        present = [name for name in network.operations if counts.within(name)]
        assert len(present) == len(arch.ops[1:-1]) + 4
        assert len(network.operations) == 4 + 20
        groups = group_by_operation(find_layers(network), network.operations)
        assert groups == sorted(groups)
        assert len(network.blocks) == len(present) - 1


def test_every_proxy_has_a_number_or_a_reason() -> None:
    images = torch.randn(8, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network = build(EXAMPLE, 4, (3, 40, 40), width=0.25)
    scores = Probe(network, images, torch.arange(8) // 2, seed=0).run(list(PROXIES.values()))
    assert set(scores.values) == set(PROXIES)
    assert all(np.isfinite(value) for name, value in scores.values.items() if name not in scores.unanswered)
    assert set(scores.unanswered) == OF_TRANSFORMERS
