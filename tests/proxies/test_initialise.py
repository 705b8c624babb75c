"""Named initialisations against their published spreads and torch's own constructors; no global random state."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from predictors.errors import UnknownName
from proxybench.networks.initialise import INITIALISATIONS, initialise


def small() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 5))


SPREADS = {  # conv: 64 * 9 = 576 in, 128 * 9 = 1152 out; linear: 400 in, 200 out
    "kaiming": (math.sqrt(2 / 576), math.sqrt(2 / 400)),
    "kaiming-fan-out": (math.sqrt(2 / 1152), math.sqrt(2 / 200)),
    "xavier": (math.sqrt(2 / 1728), math.sqrt(2 / 600)),
    "gaussian": (1.0, 1.0),
    "nasbench101": (math.sqrt(2 / 1152), 0.01),
    "torch": (1 / math.sqrt(3 * 576), 1 / math.sqrt(3 * 400)),
}


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_spread_is_the_published_one(name: str) -> None:
    network = nn.ModuleList([nn.Conv2d(64, 128, 3), nn.Linear(400, 200)])
    initialise(network, name, 0)
    for layer, spread in zip(network, SPREADS[name], strict=True):
        weight = layer.weight.detach()
        assert float(weight.std()) == pytest.approx(spread, rel=0.01)
        assert abs(float(weight.mean())) < 0.02 * spread


def test_torch_is_what_the_constructors_draw_from_the_same_seed() -> None:
    torch.manual_seed(3)
    constructed = small()
    drawn = small()
    initialise(drawn, "torch", 3)
    for one, other in zip(constructed.parameters(), drawn.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_grouped_convolution_counts_the_channels_of_one_group() -> None:
    layer = nn.Conv2d(512, 512, 3, groups=256)  # 2 * 9 = 18 inputs of an output
    initialise(layer, "kaiming", 0)
    assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / 18), rel=0.03)


@pytest.mark.parametrize("name", sorted(set(INITIALISATIONS) - {"torch"}))
def test_biases_are_zero(name: str) -> None:
    network = small()
    initialise(network, name, 0)
    assert not network[0].bias.any()
    assert not network[3].bias.any()


def test_normalisation_starts_afresh() -> None:
    network = small()
    norm = network[1]
    network(torch.randn(8, 3, 4, 4))
    nn.init.constant_(norm.weight, 7.0)
    nn.init.constant_(norm.bias, 7.0)
    initialise(network, "gaussian", 0)
    assert norm.weight.tolist() == norm.running_var.tolist() == [1.0] * 4
    assert norm.bias.tolist() == norm.running_mean.tolist() == [0.0] * 4


def test_other_modules_keep_their_parameters() -> None:
    table = nn.Embedding(3, 2)
    before = table.weight.clone()
    initialise(nn.ModuleList([table, nn.Linear(2, 2)]), "gaussian", 0)
    assert torch.equal(table.weight, before)


def test_a_seed_means_the_same_weights_whatever_the_global_state() -> None:
    one, other = small(), small()
    torch.manual_seed(1)
    initialise(one, "kaiming", 5)
    torch.manual_seed(2)
    initialise(other, "kaiming", 5)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_global_state_is_not_touched() -> None:
    layer, before = nn.Linear(2, 2), torch.get_rng_state()
    initialise(layer, "torch", 5)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_generator_moves_on() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    initialise(one, "gaussian", generator)
    initialise(other, "gaussian", generator)
    assert not torch.equal(one.weight, other.weight)


def test_float64_weights_are_the_float32_ones() -> None:
    single, double = nn.Linear(2, 2), nn.Linear(2, 2).double()
    initialise(single, "kaiming", 0)
    initialise(double, "kaiming", 0)
    assert torch.equal(single.weight.double(), double.weight)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'kaiming'"):
        initialise(nn.Linear(2, 2), "kaimin", 0)
