"""The operations of genotypes, and the networks of the five cell spaces of "On Network Design Spaces"."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from proxybench.errors import InvalidArchitecture, UnknownName
from proxybench.networks import build
from proxybench.networks.cell_operations import OPERATIONS, operation, search_operation
from proxybench.spaces import get_space

SPACES = ["nds-nasnet", "nds-amoeba", "nds-pnas", "nds-enas", "nds-darts"]
ENAS = get_space("nds-enas")

# with 8 channels: a depthwise k x k convolution has 8k^2 weights, a full one 64 k^2, BN 16
PARAMETERS = {
    "none": 0,
    "skip_connect": 0,
    "avg_pool_3x3": 0,
    "max_pool_3x3": 0,
    "max_pool_5x5": 0,
    "max_pool_7x7": 0,
    "conv_1x1": 64 + 16,
    "conv_3x3": 64 * 9 + 16,
    "sep_conv_3x3": 2 * (8 * 9 + 64 + 16),
    "sep_conv_5x5": 2 * (8 * 25 + 64 + 16),
    "sep_conv_7x7": 2 * (8 * 49 + 64 + 16),
    "dil_conv_3x3": 8 * 9 + 64 + 16,
    "dil_conv_5x5": 8 * 25 + 64 + 16,
    "dil_sep_conv_3x3": 2 * (8 * 9 + 64 + 16),
    "conv_3x1_1x3": 2 * 64 * 3 + 16,
    "conv_7x1_1x7": 2 * 64 * 7 + 16,
}

# how far, in each direction, one output sees with stride 1
REACH = {
    "conv_1x1": {0},
    "conv_3x3": {-1, 0, 1},
    "conv_3x1_1x3": {-1, 0, 1},
    "conv_7x1_1x7": set(range(-3, 4)),
    "sep_conv_3x3": set(range(-2, 3)),
    "sep_conv_5x5": set(range(-4, 5)),
    "sep_conv_7x7": set(range(-6, 7)),
    "dil_conv_3x3": {-2, 0, 2},
    "dil_conv_5x5": {-4, -2, 0, 2, 4},
    "dil_sep_conv_3x3": {-4, -2, 0, 2, 4},
    "avg_pool_3x3": {-1, 0, 1},
}


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_every_operation_of_the_spaces_has_a_module():
    named = {name for space in SPACES for name in get_space(space).operations}
    assert named == set(OPERATIONS) == set(PARAMETERS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_parameters_by_hand(name):
    assert parameters(operation(name, 8, 1)) == PARAMETERS[name]
    strided_skip = 64 + 16  # two 1x1 convolutions from 8 to 4 channels
    assert parameters(operation(name, 8, 2)) == (strided_skip if name == "skip_connect" else PARAMETERS[name])


@given(name=st.sampled_from(OPERATIONS), stride=st.sampled_from([1, 2]), sides=st.tuples(*[st.integers(1, 9)] * 2))
@settings(max_examples=60)
def test_a_stride_of_two_halves_any_resolution_upwards(name, stride, sides):
    output = operation(name, 2, stride)(torch.randn(2, 2, *sides))
    assert output.shape == (2, 2, *(-(-side // stride) for side in sides))


@pytest.mark.parametrize("name", REACH)
def test_reach_of_one_output(name):
    """With all weights one, the pixels of a 17 x 17 image on which the output in the middle depends."""
    module = operation(name, 1, 1).eval()
    for parameter in module.parameters():
        nn.init.ones_(parameter)
    image = torch.ones(1, 1, 17, 17, requires_grad=True)
    module(image)[0, 0, 8, 8].backward()
    rows, columns = image.grad[0, 0].nonzero(as_tuple=True)
    expected = {(row, column) for row in REACH[name] for column in REACH[name]}
    assert {(int(row) - 8, int(column) - 8) for row, column in zip(rows, columns, strict=True)} == expected


def test_average_pooling_leaves_the_border_of_a_constant_image_as_it_is():
    assert torch.equal(operation("avg_pool_3x3", 1, 2)(torch.ones(1, 1, 5, 5)), torch.ones(1, 1, 3, 3))


def test_the_halves_of_a_strided_skip_read_pixels_one_apart():
    """Pixels (0, 0), (0, 2), ... and (1, 1), (1, 3), ...: every other one, like the black squares of a chessboard."""
    module = operation("skip_connect", 2, 2).eval()
    for parameter in module.parameters():
        nn.init.ones_(parameter)
    image = torch.ones(1, 2, 4, 4, requires_grad=True)
    module(image).sum().backward()
    read = image.grad[0, 0] != 0
    assert read.tolist() == [[(row + column) % 2 == 0 for column in range(4)] for row in range(4)]


def test_none_gives_zeros_through_which_a_zero_gradient_flows():
    image = torch.ones(1, 3, 3, 3, requires_grad=True)
    output = operation("none", 3, 2)(image)
    output.sum().backward()
    assert torch.equal(output, torch.zeros(1, 3, 2, 2))
    assert torch.equal(image.grad, torch.zeros(1, 3, 3, 3))


def test_search_operations_normalise_pooling_and_have_no_weights_in_the_normalisation():
    pooled = search_operation("avg_pool_3x3", 2, 1)(torch.randn(8, 2, 5, 5))
    assert pooled.mean((0, 2, 3)).abs().max() < 1e-5
    assert parameters(search_operation("sep_conv_3x3", 8, 1)) == 2 * (8 * 9 + 64)
    assert parameters(search_operation("skip_connect", 8, 2)) == 64


def test_an_unknown_operation_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownName, match="sep_conv_5x5"):
        operation("sep_conv_55", 8, 1)


@pytest.mark.parametrize("name", SPACES)
def test_width_and_depth_are_those_of_the_architecture(name):
    space = get_space(name)
    network = build(space.parse(space.example.replace("width=16 depth=8", "width=4 depth=5")))
    assert network.stem[0].conv.out_channels == 12
    assert len(network.blocks) == 1 + 5
    assert len(network.operations) == 1 + 5 * (2 + 2 * space.states) + 1
    wider = build(space.parse(space.example), channels=6, cells=2)
    assert (wider.stem[0].conv.out_channels, len(wider.cells)) == (18, 2)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_small_networks_run_and_gradients_reach_the_stem(name, stem):
    for arch in get_space(name).sample(3, 5):
        network = build(arch, 7, (1, 8, 8), channels=4, cells=3, stem=stem)
        logits = network(torch.randn(3, 1, 8, 8))
        logits.square().sum().backward()
        assert logits.shape == (3, 7)
        assert logits.isfinite().all()
        assert all(parameter.grad.isfinite().all() for parameter in network.stem.parameters())


def test_the_output_concatenates_only_the_named_states():
    """AmoebaNet's example concatenates three of five states: 3 * 4, 3 * 8 and 3 * 16 channels."""
    space = get_space("nds-amoeba")
    network = build(space.parse(space.example), channels=4, cells=3)
    assert [cell.channels for cell in network.cells] == [12, 24, 48]
    assert network.classifier.in_features == 48


def test_the_operations_partition_the_weight_layers():
    for name in SPACES:
        network = build(get_space(name).sample(1, 2)[0], channels=4, cells=3)
        modules = dict(network.named_modules())
        owned = [id(each) for op in network.operations for each in modules[op].modules() if has_weights(each)]
        assert owned == [id(each) for each in network.modules() if has_weights(each)]


def has_weights(module):
    return isinstance(module, (nn.Conv2d, nn.Linear))


def test_parameters_of_a_published_amoebanet_sample():
    """One network of the Amoeba sweep (CIFAR-10, width 32, depth 12), as the documentation of NNI prints it."""
    space = get_space("nds-amoeba")
    normal = (
        "avg_pool_3x3 0 conv_7x1_1x7 1 sep_conv_3x3 2 sep_conv_5x5 0 dil_sep_conv_3x3 2 dil_sep_conv_3x3 2 "
        "skip_connect 4 dil_sep_conv_3x3 4 conv_7x1_1x7 2 sep_conv_3x3 4"
    )
    reduce = (
        "avg_pool_3x3 0 dil_sep_conv_3x3 1 sep_conv_3x3 0 sep_conv_3x3 0 skip_connect 2 sep_conv_7x7 0 "
        "conv_7x1_1x7 4 skip_connect 4 conv_7x1_1x7 0 conv_7x1_1x7 5"
    )
    arch = space.parse(
        f"Genotype(normal={entries(normal)}, normal_concat=[3, 5, 6], "
        f"reduce={entries(reduce)}, reduce_concat=[3, 6]) width=32 depth=12"
    )
    with torch.device("meta"):
        assert parameters(build(arch)) == 4_190_314


def entries(text):
    words = text.split()
    return list(zip(words[0::2], map(int, words[1::2]), strict=True))


def test_the_spaces_without_cells_are_refused():
    from proxybench.networks.nds_cells import build as build_cells

    space = get_space("nds-resnet")
    with pytest.raises(InvalidArchitecture, match="nds-nasnet"):
        build_cells(space.parse(space.example))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"channels": 0}, "channels"), ({"cells": -1}, "cells"), ({"stem": "tiny"}, "'tiny'")],
)
def test_impossible_sizes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(ENAS.parse(ENAS.example), **options)
