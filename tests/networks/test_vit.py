"""Vision transformers: parameters by hand, attention as torch has it, waves, places of absent layers, all proxies."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch
from torch import nn

from proxybench.errors import InvalidArchitecture
from proxybench.networks.counts import count_flops, count_parameters
from proxybench.networks.vit import Attention, PatchEmbedding, build
from proxybench.proxies import PROXIES
from proxybench.proxies.layers import find_layers, group_by_operation
from proxybench.proxies.probe import Probe
from proxybench.spaces import get_space

SPACE = get_space("vit-micro")
SHALLOW = SPACE.parse("c32-h1r1-h2r4")
DEEP = SPACE.parse("c64-h4r4-h1r2-h2r1-h4r1-h2r2-h1r4")
SMALL = {"in_shape": (1, 8, 8), "head_channels": 4, "width": 0.25}


def test_parameters_by_hand() -> None:
    network = build(SHALLOW, 10, (1, 8, 8))
    counts = count_parameters(network)
    assert [counts.within(name) for name in network.operations] == [
        4 * 4 * 32 + 32,
        64 + (32 * 3 * 16 + 3 * 16) + (16 * 32 + 32),  # normalisation; query, key, value of one head; projection
        64 + (32 * 32 + 32) + (32 * 32 + 32),
        64 + (32 * 3 * 32 + 3 * 32) + (32 * 32 + 32),
        64 + (32 * 128 + 128) + (128 * 32 + 32),
        *[0] * 8,
        64,
        32 * 10 + 10,
    ]
    assert counts.total == sum(counts.within(name) for name in network.operations)


def test_multiply_adds_by_hand() -> None:
    network = build(SHALLOW, 10, (1, 8, 8))
    tokens = 4
    of_attention = [tokens * 32 * 4 * 16 * heads + 2 * tokens * tokens * 16 * heads for heads in (1, 2)]
    counted = count_flops(network, (1, 8, 8), rule="nats-bench")
    biases = [tokens * (3 * 16 * heads + 32) for heads in (1, 2)]
    for place in (0, 1):
        assert counted.within(f"body.layer{place}.attention") == of_attention[place] + biases[place]
    assert counted.within("body.layer1.mlp") == tokens * (2 * 32 * 128 + 128 + 32)


def test_operations_hold_all_layers_and_are_at_the_same_places() -> None:
    for arch in (SHALLOW, DEEP):
        network = build(arch, **SMALL)
        layers = find_layers(network)
        groups = group_by_operation(layers, network.operations)
        assert groups == sorted(groups)
        assert len(network.operations) == 15
    assert build(SHALLOW, **SMALL).operations == build(DEEP, **SMALL).operations
    assert build(SHALLOW, **SMALL).blocks == ("body.embedding", "body.layer0", "body.layer1")
    assert len(build(DEEP, **SMALL).blocks) == 7


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(8, 2, 4).double(), nn.MultiheadAttention(8, 2, batch_first=True).double()
    theirs.in_proj_weight.data.copy_(ours.query_key_value.weight)
    theirs.in_proj_bias.data.copy_(ours.query_key_value.bias)
    theirs.out_proj.weight.data.copy_(ours.projection.weight)
    theirs.out_proj.bias.data.copy_(ours.projection.bias)
    tokens = torch.randn(3, 2, 5, 8, dtype=torch.float64)
    flat = tokens.flatten(1, 2)
    torch.testing.assert_close(ours(tokens).flatten(1, 2), theirs(flat, flat, flat)[0])


def test_waves_of_the_places() -> None:
    embedding = PatchEmbedding(1, 8, 4)
    nn.init.zeros_(embedding.conv.weight)
    nn.init.zeros_(embedding.conv.bias)
    maps = embedding(torch.zeros(1, 1, 8, 12))[0]
    assert maps.shape == (8, 2, 3)
    expected = [math.sin(2), math.sin(2e-4), math.cos(2), math.cos(2e-4)]  # column 2, wavelengths 1 and 10,000
    expected += [math.sin(1), math.sin(1e-4), math.cos(1), math.cos(1e-4)]  # row 1
    assert maps[:, 1, 2].tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("shape", "places"), [((3, 1, 1), (1, 1)), ((1, 9, 5), (3, 2)), ((3, 32, 32), (8, 8))])
def test_any_resolution_is_padded_to_whole_patches(shape: tuple[int, int, int], places: tuple[int, int]) -> None:
    network = build(SHALLOW, 7, shape, width=0.25, head_channels=4)
    images = torch.randn(2, *shape)
    assert network.features(images).shape == (2, 8, *places)
    assert network(images).shape == (2, 7)


@pytest.mark.parametrize(("width", "channels"), [(1.0, 32), (0.3, 8), (0.01, 4), (1.5, 48)])
def test_the_embedding_is_a_multiple_of_four(width: float, channels: int) -> None:
    assert build(SHALLOW, width=width).classifier.in_features == channels


def test_absent_layers_are_the_identity() -> None:
    network = build(SHALLOW, **SMALL).eval()
    maps = torch.randn(2, 8, 2, 2)
    for place in (2, 3, 4, 5):
        assert torch.equal(network.get_submodule(f"body.layer{place}")(maps), maps)


def test_what_is_refused() -> None:
    with pytest.raises(InvalidArchitecture):
        build(get_space("natsbench-size").sample(1, 0)[0])
    for options, message in (({"patch": 0}, "patch"), ({"head_channels": 0}, "head_channels"), ({"width": 0}, "width")):
        with pytest.raises(ValueError, match=message):
            build(SHALLOW, **options)


def test_every_proxy_has_a_number_or_a_reason_and_nodes_at_the_same_places() -> None:
    images = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    scores = Probe(build(SHALLOW, **SMALL), images, torch.arange(8) // 2, seed=0).run(list(PROXIES.values()))
    assert set(scores.values) == set(PROXIES)
    # Gradients of products of attention and normalisation may be below -1, where it takes a logarithm of 1 + gradient
    assert set(scores.unanswered) <= {"logsynflow"}
    for name, nodes in scores.nodes.items():
        assert nodes.shape == (15,)
        if name not in scores.unanswered:
            assert np.all(nodes[5:13] == 0), name
            assert np.any(nodes[:5] != 0), name
