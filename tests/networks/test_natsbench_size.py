"""The networks of NATS-Bench size: parameters by hand and by the official records, the fixed cell, alignment."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import proxybench as pb
from proxybench.networks.counts import count_flops, count_parameters
from proxybench.networks.natsbench_size import build
from proxybench.spaces import get_space

SPACE = get_space("natsbench-size")


def test_parameters_by_hand() -> None:
    # Stem 3*8*9 + 16. Cell 8 -> 8: five 3x3 of 576 + 16. Reduction 8 -> 16: 1152 + 2304 + 128 + 64.
    # Cell 16 -> 24: two 3x3 of 3456 + 48, three of 5184 + 48, projection 384 + 48. Reduction 24 -> 8: 1728 + 576 + 192
    # + 32. Cell 8 -> 8 as before. Last 16; classifier 8 * 10 + 10.
    parts = [232, 2960, 3648, 2 * 3504 + 3 * 5232 + 432, 2528, 2960, 16, 90]
    assert count_parameters(build(SPACE.parse("8:16:24:8:8"))).total == sum(parts)


def test_the_skip_projects_only_where_the_channels_change() -> None:
    network = build(SPACE.parse("8:16:24:8:8"))
    skips = [network.get_submodule(f"cells.{cell}.edges.3") for cell in (0, 2, 4)]
    assert [isinstance(skip, nn.Identity) for skip in skips] == [True, False, True]


def test_operations_are_aligned_and_hold_every_weight_layer() -> None:
    networks = [build(arch, in_shape=(1, 8, 8), channels=1) for arch in SPACE.sample(6, seed=0)]
    assert len({network.operations for network in networks}) == 1
    assert networks[0].operations[7:9] == ("cells.1", "cells.2.edges.0")
    assert len(networks[0].operations) == 1 + 6 + 1 + 6 + 1 + 6 + 1
    for network in networks:
        for name, module in network.named_modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                assert sum(f"{name}.".startswith(f"{operation}.") for operation in network.operations) == 1


def test_small_versions_keep_the_proportions_and_accept_small_images() -> None:
    network = build(SPACE.parse("8:64:16:40:24"), 3, (1, 1, 1), channels=2)
    assert network.features(torch.randn(2, 1, 1, 1)).shape == (2, 6, 1, 1)
    logits = network(torch.randn(4, 1, 8, 8))
    assert logits.shape == (4, 3)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    with pytest.raises(ValueError, match="channels must be a whole number of at least 1, not 0"):
        build(SPACE[0], channels=0)


@pytest.mark.parametrize(
    ("dataset", "classes", "pixels"), [("cifar10", 10, 32), ("cifar100", 100, 32), ("ImageNet16-120", 120, 16)]
)
def test_parameters_and_flops_of_the_official_records(
    real_tables: Path, dataset: str, classes: int, pixels: int
) -> None:
    table = pb.load("nats-sss-sample").frame(dataset=dataset, metrics=["params", "flops"], epochs=0).dropna()
    assert len(table) == 3
    for text, row in table.iterrows():
        network = build(SPACE.parse(str(text)), classes)
        assert count_parameters(network).total == row.params
        assert count_flops(network, (3, pixels, pixels), rule="nats-bench").total == row.flops
