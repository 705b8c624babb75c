"""The networks of NAS-Bench-201: what a cell computes, parameters by hand and by the published tables, alignment."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import proxybench as pb
from proxybench.errors import InvalidArchitecture
from proxybench.networks.counts import count_flops, count_parameters
from proxybench.networks.layers import FourNodeCell, ReductionBlock, Zero
from proxybench.networks.nasbench201 import build, operation
from proxybench.spaces import get_space

SPACE = get_space("nasbench201")
MIXED = SPACE.parse("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|none~2|")
EMPTY = SPACE.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
DENSE = SPACE.parse("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|")


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


def test_a_node_is_the_sum_of_its_edges_in_the_order_of_the_line_graph() -> None:
    cell = FourNodeCell(Times(factor) for factor in (2, 3, 5, 7, 11, 13))
    # Node 1 is 2x, node 2 is 3x + 5 * 2x = 13x, node 3 is 7x + 11 * 2x + 13 * 13x.
    assert cell(torch.ones(1)).item() == 7 + 22 + 169


def test_pooling_in_a_cell_averages_only_over_the_image() -> None:
    pooled = operation("avg_pool_3x3", 1)(torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]]))
    assert pooled.tolist() == [[[[4.0, 4.0], [4.0, 4.0]]]]


def test_parameters_of_a_small_network_by_hand() -> None:
    # Stem 36 + 8; cells 10 c^2 + 4 c at c = 4, 8, 16; reductions 56 c^2 + 8 c at c = 4, 8; last 2 * 16; 160 + 10.
    network = build(MIXED, 10, (1, 8, 8), channels=4, cells=1)
    assert count_parameters(network).total == 44 + (176 + 672 + 2624) + (928 + 3648) + 32 + 170


@pytest.mark.parametrize("resolution", [(32, 32), (8, 8), (1, 1), (3, 5), (7, 2)])
def test_logits_at_any_resolution(resolution: tuple[int, int]) -> None:
    network = build(MIXED, 7, (2, *resolution), channels=4, cells=1)
    images = torch.randn(2, 2, *resolution)
    height, width = (-(-size // 4) for size in resolution)
    assert network(images).shape == (2, 7)
    assert network.features(images).shape == (2, 16, height, width)


def test_the_published_network_has_three_stages_of_five_cells() -> None:
    network = build(MIXED)
    shapes: list[tuple[int, ...]] = []
    for name in network.blocks:
        network.get_submodule(name).register_forward_hook(lambda _m, _i, output: shapes.append(tuple(output.shape[1:])))
    network(torch.randn(2, 3, 32, 32))
    assert shapes == [(16, 32, 32)] * 6 + [(32, 16, 16)] * 6 + [(64, 8, 8)] * 6


def test_operations_are_the_edges_in_node_order_and_aligned() -> None:
    networks = {arch: build(arch, channels=2, cells=2) for arch in [MIXED, EMPTY, DENSE, *SPACE.sample(5, seed=0)]}
    assert len({network.operations for network in networks.values()}) == 1
    kinds = {"none": Zero, "skip_connect": nn.Identity, "avg_pool_3x3": nn.AvgPool2d}
    for arch, network in networks.items():
        modules = [network.get_submodule(name) for name in network.operations]
        assert len(modules) == 1 + 2 * 6 + 1 + 2 * 6 + 1 + 2 * 6 + 1
        assert isinstance(modules[13], ReductionBlock)
        assert modules[-1] is network.classifier
        for first in (1, 7, 14, 20, 27, 33):
            for op, module in zip(arch.ops[1:-1], modules[first : first + 6], strict=True):
                if op in kinds:
                    assert isinstance(module, kinds[op])
                else:
                    assert module.conv.kernel_size == ((1, 1) if op == "nor_conv_1x1" else (3, 3))


@pytest.mark.parametrize("arch", [MIXED, EMPTY, DENSE])
def test_every_weight_layer_is_in_one_operation(arch) -> None:
    network = build(arch, channels=2, cells=2)
    for name, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            assert sum(f"{name}.".startswith(f"{operation}.") for operation in network.operations) == 1


def test_gradients_reach_every_parameter() -> None:
    network = build(DENSE, 10, (3, 16, 16), channels=4, cells=2)
    nn.functional.cross_entropy(network(torch.randn(8, 3, 16, 16)), torch.arange(8)).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(parameter.grad.abs().max() > 0 for parameter in network.parameters())


def test_empty_cells_give_finite_logits_that_ignore_the_image_and_zero_gradients() -> None:
    network = build(EMPTY, 10, (1, 8, 8), channels=4, cells=1)
    logits = network(torch.randn(5, 1, 8, 8))
    assert logits.isfinite().all()
    assert torch.equal(logits, logits[:1].expand(5, -1))
    logits.square().sum().backward()
    assert network.stem.conv.weight.grad.abs().max() == 0


def test_wrong_sizes_and_graphs_of_other_spaces_are_refused() -> None:
    with pytest.raises(ValueError, match="cells must be a whole number of at least 1, not 0"):
        build(MIXED, cells=0)
    with pytest.raises(ValueError, match="image height"):
        build(MIXED, in_shape=(3, 0, 32))
    with pytest.raises(ValueError, match="in_shape must be"):
        build(MIXED, in_shape=(32, 32))
    with pytest.raises(InvalidArchitecture, match="another space"):
        build(get_space("transnas101-micro").parse("64-41414-1_02_333"))


@pytest.mark.parametrize(("dataset", "classes", "pixels"), [("cifar10", 10, 32), ("ImageNet16-120", 120, 16)])
def test_parameters_and_flops_of_the_suite_zero_table(
    real_tables: Path, dataset: str, classes: int, pixels: int
) -> None:
    table = pb.load("nasbench201").frame(dataset=dataset, metrics=["params", "flops"], epochs=0).dropna()
    assert len(table) == 9_445
    for text, row in table.sort_values("flops").iloc[::1049].iterrows():
        network = build(SPACE.parse(str(text)), classes)
        assert count_parameters(network).total == row.params
        assert count_flops(network, (3, pixels, pixels)).total == row.flops


@pytest.mark.parametrize(
    ("dataset", "classes", "pixels"), [("cifar10", 10, 32), ("cifar100", 100, 32), ("ImageNet16-120", 120, 16)]
)
def test_parameters_and_flops_of_the_official_records(
    real_tables: Path, dataset: str, classes: int, pixels: int
) -> None:
    table = pb.load("nats-tss-sample").frame(dataset=dataset, metrics=["params", "flops"], epochs=0).dropna()
    assert len(table) == 3
    for text, row in table.iterrows():
        network = build(SPACE.parse(str(text)), classes)
        assert count_parameters(network).total == row.params
        assert count_flops(network, (3, pixels, pixels), rule="nats-bench").total == row.flops
