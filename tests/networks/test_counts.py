"""Parameters and FLOPs: both rules by hand, torch's own counter as a second opinion, networks left as they were."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from proxybench.errors import UnknownName
from proxybench.networks.counts import count_flops, count_parameters
from proxybench.networks.nasbench201 import build
from proxybench.spaces import get_space

MIXED = get_space("nasbench201").parse(
    "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|none~2|"
)


class VisionTransformer(nn.Module):
    """Patches of 4 x 4, a class token, two layers of attention."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 32))
        layers = [nn.TransformerEncoderLayer(32, 4, 64, activation="gelu", batch_first=True) for _ in range(2)]
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(32)
        self.head = nn.Linear(32, 10)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(patches), -1, -1), patches], dim=1)
        logits: Tensor = self.head(self.norm(self.layers(tokens))[:, 0])
        return logits


def test_both_rules_on_a_network_by_hand() -> None:
    network = build(MIXED, 10, (1, 8, 8), channels=4, cells=1)
    # Stem 36 * 64, cells 10 c^2 h w = 10240 each, reductions 56 c^2 h w = 14336 each, classifier 160.
    multiply_adds = 2304 + 3 * 10_240 + 2 * 14_336 + 160
    assert count_flops(network, (1, 8, 8), rule="nats-bench").total == multiply_adds + 10
    normalisation = 2 * (256 + 2 * (256 + 128 + 64) + 2 * (128 + 64) + 64)
    rectifiers = 2 * (256 + 128 + 64) + (256 + 128) + (128 + 64) + 64
    pooling = 9 * (256 + 128 + 64) + 4 * (64 + 32) + 16 * 3 * 3
    assert count_flops(network, (1, 8, 8)).total == multiply_adds + normalisation + rectifiers + pooling


def test_counts_of_parts_add_up() -> None:
    network = build(MIXED, 10, (1, 8, 8), channels=4, cells=1)
    flops = count_flops(network, (1, 8, 8), rule="nats-bench")
    assert flops.by_module["stem.conv"] == 2304
    assert flops.within("cells.0.edges.0") == 9 * 16 * 64
    assert flops.within("cells.0.edges.1") == 0
    assert sum(flops.within(name) for name in network.operations) == flops.total == flops.within("cells") + 2304 + 170
    parameters = count_parameters(network)
    assert parameters.within("cells.1") == 928
    assert parameters.by_module["cells.1.conv_a.bn"] == 16


def test_names_of_modules_are_not_mistaken_for_longer_ones() -> None:
    network = nn.Sequential(*[nn.Linear(2, 2) for _ in range(11)])
    assert count_parameters(network).within("1") == 6


@pytest.mark.parametrize(
    ("module", "in_shape", "multiply_adds", "biases"),
    [
        (nn.Conv1d(4, 6, 3, stride=2, padding=1), (4, 9), 4 * 6 * 3 * 5, 6 * 5),
        (nn.Conv2d(4, 6, (3, 1), groups=2, bias=False), (4, 8, 8), 2 * 6 * 3 * 6 * 8, 0),
        (nn.Conv2d(3, 2, 3, dilation=2), (3, 8, 8), 3 * 2 * 9 * 4 * 4, 2 * 16),
        (nn.Conv3d(1, 2, 2), (1, 3, 3, 3), 2 * 8 * 8, 2 * 8),
        (nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1), (4, 5, 5), 4 * 6 * 16 * 25, 6 * 100),
        (nn.Linear(5, 3), (5,), 15, 3),
        (nn.Linear(5, 3), (7, 5), 7 * 15, 7 * 3),
    ],
)
def test_weight_layers_by_hand(module: nn.Module, in_shape: tuple[int, ...], multiply_adds: int, biases: int) -> None:
    assert count_flops(module, in_shape, rule="nats-bench").total == multiply_adds + biases
    of_convolution = 0 if isinstance(module, nn.Linear) else biases
    assert count_flops(module, in_shape).total == multiply_adds + of_convolution


@pytest.mark.parametrize(
    ("module", "flops"),
    [
        (nn.BatchNorm2d(2), 2 * 60),
        (nn.BatchNorm2d(2, affine=False), 60),
        (nn.GroupNorm(1, 2), 2 * 60),
        (nn.LayerNorm(6), 2 * 60),
        (nn.ReLU(inplace=True), 60),
        (nn.GELU(), 60),
        (nn.MaxPool2d(2), 4 * 2 * 2 * 3),
        (nn.AvgPool2d((2, 3)), 6 * 2 * 2 * 2),
        (nn.AdaptiveAvgPool2d(1), 2 * 6 * 7),
        (nn.AdaptiveAvgPool2d((1, 3)), 2 * 6 * 9),
        (nn.AdaptiveMaxPool2d(2), 2 * (4 + 4) * (4 + 4)),
        (nn.Dropout(), 0),
    ],
)
def test_other_layers_by_hand(module: nn.Module, flops: int) -> None:
    assert count_flops(module, (2, 5, 6)).total == flops
    assert count_flops(module, (2, 5, 6), rule="nats-bench").total == 0


def test_attention_by_hand() -> None:
    flops = count_flops(VisionTransformer(), (3, 16, 16), rule="nats-bench")
    # 17 tokens: projections to query, key and value, two products of 17 x 17 x 32, projection of the output.
    attention = 17 * (32 * 96 + 96) + 2 * 17 * 17 * 32 + 17 * (32 * 32 + 32)
    assert flops.within("layers.0.self_attn") == attention
    assert flops.within("patches") == 16 * 32 * (48 + 1)
    forward = 17 * (32 * 64 + 64) + 17 * (64 * 32 + 32)
    assert flops.total == 16 * 32 * 49 + 2 * (attention + forward) + 330


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.booleans())
@settings(max_examples=40)
def test_convolutions_agree_with_the_counter_of_torch(
    groups: int, kernel: int, stride: int, padding: int, dilation: int, transposed: bool
) -> None:
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    first = kind(2 * groups, 3 * groups, kernel, stride, padding, groups=groups, dilation=dilation, bias=False)
    module = nn.Sequential(first, nn.Conv2d(3 * groups, 2, 1, bias=False))
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        module(torch.zeros(1, 2 * groups, 12, 9))
    assert 2 * count_flops(module, (2 * groups, 12, 9), rule="nats-bench").total == counter.get_total_flops()


def test_a_layer_used_twice_counts_twice_and_its_parameters_once() -> None:
    layer = nn.Linear(4, 4, bias=False)
    network = nn.Sequential(layer, nn.ReLU(), layer)
    assert count_parameters(network).total == 16
    assert count_flops(network, (4,), rule="nats-bench").by_module == {"0": 32}


def test_a_network_is_left_as_it_was() -> None:
    network = build(MIXED, 10, (1, 8, 8), channels=4, cells=1)
    network.cells[0].eval()
    convolution = nn.Conv2d(1, 1, 3)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    generator = torch.get_rng_state()
    count_flops(network, (1, 8, 8))
    with pytest.raises(RuntimeError, match=r"expected input.* to have 1 channels, but got 2"):
        count_flops(network, (2, 8, 8))
    with pytest.raises(RuntimeError, match="Kernel size can't be greater"):
        count_flops(convolution, (1, 2, 8))
    assert [module.training for module in network.cells] == [False, True, True, True, True]
    assert network.training
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert torch.equal(torch.get_rng_state(), generator)
    assert torch.backends.mha.get_fastpath_enabled()


def test_unknown_rules_and_sizes_below_one_are_refused() -> None:
    with pytest.raises(UnknownName, match="nats-bench"):
        count_flops(nn.Linear(2, 2), (2,), rule="nats")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        count_flops(nn.Linear(2, 2), (0,))
