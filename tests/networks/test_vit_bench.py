"""The networks of ViT-Bench-101: published sizes of DeiT-Ti and PiT-Ti, places of layers, tokens, all proxies."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra proxybench[torch] is not installed")

import torch
from torch import nn

from proxybench.networks import build
from proxybench.networks.class_token import TokenEmbedding
from proxybench.networks.counts import count_flops, count_parameters
from proxybench.networks.pit import TokenPooling
from proxybench.proxies import PROXIES
from proxybench.proxies.layers import find_layers, group_by_operation
from proxybench.proxies.probe import Probe
from proxybench.spaces import get_space

AUTOFORMER, PIT = get_space("autoformer-tiny"), get_space("pit")
DEIT_TINY = AUTOFORMER.parse("c192-" + "-".join(["h3r4"] * 12))
PIT_TINY = PIT.parse("b32-r4-d2h2-d6h4-d4h8")
SMALL = {
    "autoformer-tiny": {"in_shape": (3, 16, 16), "patch": 4, "width": 0.06},
    "pit": {"in_shape": (3, 16, 16), "patch": 4, "stride": 2, "width": 0.1},
}
SPACES = pytest.mark.parametrize("space", [AUTOFORMER, PIT], ids=lambda space: space.name)


def test_deit_tiny_has_5717416_parameters() -> None:
    """Touvron et al., "Training data-efficient image transformers", ICML 2021, table 1: 5 million; here by hand."""
    network = build(DEIT_TINY)
    counts = count_parameters(network)
    assert counts.within("body.embedding") == 3 * 256 * 192 + 192 + 192 + 197 * 192
    assert counts.within("body.layer3.attention") == 2 * 192 + 192 * 576 + 576 + 192 * 192 + 192
    assert counts.within("body.layer3.mlp") == 2 * 192 + 192 * 768 + 768 + 768 * 192 + 192
    assert counts.total == 5_717_416


def test_pit_tiny_has_the_published_size_and_operations() -> None:
    """Heo et al., ICCV 2021, table 4: 4.9 million parameters, 0.7 billion multiply-adds."""
    network = build(PIT_TINY)
    counts = count_parameters(network)
    assert counts.within("body.embedding") == 3 * 256 * 64 + 64 + 64 + 27 * 27 * 64
    assert counts.within("body.pool1") == 128 * 9 + 128 + 64 * 128 + 128
    assert counts.total == 4_847_272
    assert round(count_flops(network, (3, 224, 224), rule="nats-bench").total / 1e9, 1) == 0.7


@pytest.mark.parametrize("text", ["h3r3.5", "h4r3.5"])
def test_heads_share_the_channels_of_the_embedding(text: str) -> None:
    network = build(AUTOFORMER.parse("c216-" + "-".join([text] * 13)), in_shape=(3, 32, 32))
    counts = count_parameters(network)
    assert counts.within("body.layer0.attention") == 2 * 216 + 216 * 648 + 648 + 216 * 216 + 216
    assert counts.within("body.layer0.mlp") == 2 * 216 + 216 * 756 + 756 + 756 * 216 + 216


@SPACES
def test_operations_hold_all_layers_and_are_at_the_same_places(space) -> None:
    networks = [build(arch, 10, **SMALL[space.name]) for arch in space.sample(4, 0)]
    assert len({network.operations for network in networks}) == 1
    for network in networks:
        groups = group_by_operation(find_layers(network), network.operations)
        assert groups == sorted(groups)
        assert network(torch.randn(2, 3, 16, 16)).shape == (2, 10)


@SPACES
def test_operations_with_weights_are_the_nodes_of_the_graph(space) -> None:
    for arch in space.sample(4, 1):
        network = build(arch, 10, **SMALL[space.name])
        counts = count_parameters(network)
        present = [name for name in network.operations if counts.within(name)]
        kinds = {"attention": "attention", "mlp": "mlp", "pool1": "pool", "pool2": "pool"}
        found = [kinds[last] for name in present if (last := name.rpartition(".")[2]) in kinds]
        assert found == [op.partition("_")[0] for op in arch.ops[1:-1]]
        assert len(network.blocks) == 1 + found.count("mlp") + found.count("pool")


def test_the_mean_of_an_autoformer_leaves_the_class_token_out() -> None:
    network = build(DEIT_TINY, 10, **SMALL["autoformer-tiny"]).eval()
    images = torch.randn(2, 3, 16, 16)
    tokens = images
    for name, part in network.body.named_children():
        if name != "patches":
            tokens = part(tokens)
    assert tokens.shape == (2, 12, 17, 1)
    torch.testing.assert_close(network.features(images).flatten(2).mean(2), tokens[:, :, 1:, 0].mean(2))


def test_a_pit_classifies_by_its_class_token() -> None:
    network = build(PIT_TINY, 10, **SMALL["pit"]).eval()
    assert network.features(torch.randn(2, 3, 16, 16)).shape == (2, 24, 1, 1)


def test_pooling_treats_the_class_token_apart() -> None:
    pooling = TokenPooling(4, 8, (5, 3))
    tokens = torch.randn(2, 4, 16, 1)
    pooled = pooling(tokens)
    assert pooled.shape == (2, 8, 1 + 3 * 2, 1)
    torch.testing.assert_close(pooled[:, :, 0, 0], pooling.linear(tokens[:, :, 0, 0]))
    changed = torch.cat([tokens[:, :, :1] + 1, tokens[:, :, 1:]], 2)
    torch.testing.assert_close(pooling(changed)[:, :, 1:], pooled[:, :, 1:])


@pytest.mark.parametrize("class_position", [True, False])
def test_positions_are_added_to_patches_and_maybe_to_the_class_token(class_position: bool) -> None:
    embedding = TokenEmbedding(1, 2, 4, 4, (8, 9), class_position=class_position)
    for parameter in (embedding.conv.weight, embedding.conv.bias, embedding.class_token):
        nn.init.zeros_(parameter)
    nn.init.ones_(embedding.positions)
    tokens = embedding(torch.randn(1, 1, 8, 9))[0, 0, :, 0]
    assert tokens.tolist() == [float(class_position), 1, 1, 1, 1]


@SPACES
def test_an_image_smaller_than_a_patch_is_refused(space) -> None:
    with pytest.raises(ValueError, match="8 x 8 pixels is smaller than a patch of 16"):
        build(space.sample(1, 0)[0], in_shape=(3, 8, 8))


@SPACES
def test_every_proxy_has_a_number_or_a_reason(space) -> None:
    images = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network = build(space.sample(1, 0)[0], 4, **SMALL[space.name])
    scores = Probe(network, images, torch.arange(8) // 2, seed=0).run(list(PROXIES.values()))
    assert set(scores.values) == set(PROXIES)
    # gradients of products of attention and normalisation may be below -1, where it takes a logarithm of 1 + gradient
    assert set(scores.unanswered) <= {"logsynflow"}
    for name, nodes in scores.nodes.items():
        assert nodes.shape == (len(network.operations),)
        assert name in scores.unanswered or np.isfinite(nodes).all(), name
