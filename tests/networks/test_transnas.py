"""The networks of TransNAS-Bench-101, micro and macro: parameters by hand and by the table, shapes, alignment."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import proxybench as pb
from proxybench.networks import build
from proxybench.networks.counts import count_flops, count_parameters
from proxybench.networks.layers import FactorizedReduction, Zero
from proxybench.spaces import get_space

MICRO = get_space("transnas101-micro")
MACRO = get_space("transnas101-macro")
CELL = MICRO.parse("64-41414-1_02_333")
SKELETON = MACRO.parse("64-1234-basic")


def test_parameters_of_the_published_skeleton_with_empty_cells() -> None:
    # Stem 3*32*9 + 64 and 32*64*9 + 128; classifier of 512 features for the 63 scenes.
    assert count_parameters(build(MICRO.parse("64-41414-0_00_000"), 63)).total == 928 + 18_560 + 512 * 63 + 63


def test_parameters_of_a_small_micro_network_by_hand() -> None:
    network = build(CELL, 3, (1, 8, 8), channels=4, cells=1, modules=(4, 1))
    # Stem 18 + 4 and 72 + 8. First cell 4 -> 8: factorised 32 + 16, 1x1 64 + 16, 3x3 288 + 16 and 2 * (576 + 16).
    # Second cell: skip 0, 1x1 80, 3x3 3 * 592. Classifier 27.
    assert count_parameters(network).total == 102 + (48 + 80 + 304 + 1184) + (80 + 1776) + 27


def test_parameters_of_a_small_macro_network_by_hand() -> None:
    network = build(SKELETON, 3, (1, 8, 8), channels=4, cells=1)
    # Stem 102; 4 -> 4 two 3x3 of 152; 4 -> 8 304 + 592 + shortcut 48; 8 -> 8 stride 2 592 + 592 + 80;
    # 8 -> 16 1184 + 2336 + 160; classifier 51.
    assert count_parameters(network).total == 102 + 304 + 944 + 1264 + 3680 + 51


def test_shapes_of_the_blocks() -> None:
    def shapes(network) -> list[tuple[int, ...]]:
        found: list[tuple[int, ...]] = []
        for name in network.blocks:
            block = network.get_submodule(name)
            block.register_forward_hook(lambda _m, _i, output: found.append(tuple(output.shape[1:])))
        network.eval()(torch.randn(1, 3, 64, 64))
        return found

    halves = [(64, 16, 16), *[(128, 8, 8)] * 4, *[(256, 4, 4)] * 4, *[(512, 2, 2)] * 2]
    assert shapes(build(CELL)) == halves
    doubled = [(4, 16, 16)] * 3 + [(8, 16, 16)] * 2 + [(8, 8, 8)] * 2 + [(16, 4, 4)] * 2
    assert shapes(build(SKELETON, channels=4)) == doubled


@pytest.mark.parametrize("pixels", [1, 2, 7, 13, 32])
def test_logits_at_any_resolution(pixels: int) -> None:
    for arch in [CELL, MICRO.parse("64-41414-1_11_111"), MICRO.parse("64-41414-0_00_000"), SKELETON]:
        logits = build(arch, 5, (1, pixels, pixels), channels=4, cells=1)(torch.randn(2, 1, pixels, pixels))
        assert logits.shape == (2, 5)
        assert logits.isfinite().all()


def test_factorised_reduction_sees_every_second_pixel_from_both_corners() -> None:
    reduction = FactorizedReduction(1, 2).eval()
    nn.init.ones_(reduction.conv_a.weight)
    nn.init.ones_(reduction.conv_b.weight)
    with torch.no_grad():
        a, b = reduction(torch.arange(1.0, 10).reshape(1, 1, 3, 3))[0]
    assert torch.allclose(a, torch.tensor([[1.0, 3.0], [7.0, 9.0]]), rtol=1e-4)
    assert torch.allclose(b, torch.tensor([[5.0, 0.0], [0.0, 0.0]]), rtol=1e-4)
    with pytest.raises(ValueError, match="even number"):
        FactorizedReduction(2, 3)


def test_the_operation_of_a_skip_depends_on_where_it_is() -> None:
    network = build(MICRO.parse("64-41414-1_11_111"), channels=4)
    first, second = network.stages[0]
    assert [type(edge) for edge in first.edges] == [
        *(FactorizedReduction, FactorizedReduction, nn.Identity),
        *(FactorizedReduction, nn.Identity, nn.Identity),
    ]
    assert {type(edge) for edge in second.edges} == {nn.Identity}
    assert {type(edge) for edge in network.stages[1][0].edges} == {nn.Identity}


def test_the_projected_shortcut_of_macro_networks_is_normalised_with_epsilon_one() -> None:
    # The published code passes `True, True` where epsilon and momentum stand.
    network = build(SKELETON, channels=4).eval()
    shortcut = network.get_submodule("stages.1.0.shortcut")
    nn.init.ones_(shortcut[0].weight)
    # 4 channels of ones sum to 4; running mean 0, running variance 1: 4 / sqrt(1 + 1).
    assert shortcut(torch.ones(1, 4, 1, 1)).flatten().tolist() == pytest.approx([8**0.5] * 8)
    shortcut.train()(torch.randn(64, 4, 2, 2) + 3)
    assert shortcut[1].running_mean.tolist() == pytest.approx([12.0] * 8, abs=1.0)


def test_zero_has_the_shape_of_a_strided_convolution_and_zero_gradient() -> None:
    for zero, channels in ((Zero(2, 2, 2), 2), (Zero(2, 6, 2), 6), (Zero(2, 2), 2)):
        x = torch.randn(3, 2, 5, 4, requires_grad=True)
        out = zero(x)
        assert out.shape == (3, channels, 5, 4) if zero.stride == 1 else (3, channels, 3, 2)
        out.sum().backward()
        assert x.grad is not None
        assert out.abs().max() == x.grad.abs().max() == 0


def test_operations_are_aligned_and_hold_every_weight_layer() -> None:
    micro = [build(arch, channels=2, cells=1) for arch in MICRO.sample(5, seed=0)]
    macro = [build(arch, channels=2) for arch in MACRO.sample(20, seed=0)]
    assert {len(network.operations) for network in micro} == {1 + 5 * 6 + 1}
    assert len({network.operations for network in micro}) == 1
    assert {len(network.operations) for network in macro} <= {6, 7, 8}
    assert len({network.operations for network in macro}) == len({len(network.operations) for network in macro})
    for network in micro + macro:
        for name, module in network.named_modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                assert sum(f"{name}.".startswith(f"{operation}.") for operation in network.operations) == 1


@pytest.mark.parametrize("arch", [MICRO.parse("64-41414-3_33_333"), SKELETON])
def test_gradients_reach_every_parameter(arch) -> None:
    network = build(arch, 8, (3, 64, 64), channels=4, cells=1)
    nn.functional.cross_entropy(network(torch.randn(8, 3, 64, 64)), torch.arange(8)).backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in network.parameters())


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="even number, not 5"):
        build(CELL, channels=5)
    with pytest.raises(ValueError, match="1, 2, 3 or 4, not 5"):
        build(CELL, modules=(4, 5))
    with pytest.raises(ValueError, match="modules must be a whole number of at least 1, not 0"):
        build(CELL, modules=())
    with pytest.raises(ValueError, match="cells must be"):
        build(SKELETON, cells=0)


def test_parameters_and_flops_of_the_suite_zero_table(real_tables: Path) -> None:
    table = pb.load("transnas101-micro").frame(dataset="class_scene", metrics=["params", "flops"], epochs=0).dropna()
    assert len(table) == 2_128
    for text, row in table.sort_values("flops").iloc[::425].iterrows():
        network = build(MICRO.parse(str(text)), 63)
        assert count_parameters(network).total == row.params
        assert count_flops(network, (3, 256, 256)).total == row.flops
