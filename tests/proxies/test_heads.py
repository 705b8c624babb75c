"""Importance and confidence of attention heads: by hand, and attention computed in several ways."""

from __future__ import annotations

import math

import pytest
import torch
from networks import VisionTransformer, batch, nasbench201
from test_dss import TwoLayers
from torch import Tensor, nn
from torch.nn import functional

import proxybench as pb
from proxybench.networks import build
from proxybench.proxies.token_outputs import attention_weights
from proxybench.spaces import get_space

NAMES = ["head_confidence", "head_importance", "head_softmax_confidence"]


class OneAttention(nn.Module):
    """Identity projections of tokens of two channels, [n, 2, 2], then two heads of one channel; the mean of all."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Linear(2, 2, bias=False)
        self.attention.weight.data = torch.eye(2)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.attention(images.flatten(1, 2))
        heads = tokens.transpose(1, 2).unsqueeze(-1)  # [n, heads, tokens, 1]
        return functional.scaled_dot_product_attention(heads, heads, heads).flatten(1)


def test_importance_by_hand() -> None:
    # The batch sums to (3, 1), and the head multiplies by (1, -1): the gradient is [[3, 1], [-3, -1]]; the weight is
    # [[1, -2], [0, 1]].
    images = torch.tensor([[1.0, 1.0], [2.0, 0.0]]).view(2, 1, 1, 2)
    nodes = pb.score(TwoLayers(), images, proxies=["head_importance"], nodes=True)["head_importance"]
    assert nodes.tolist() == [3.0 + 2.0 + 0.0 + 1.0, 0.0]


def test_lpzero_by_hand() -> None:
    # Weight and gradient as above: the squared weights have the mean (1 + 4 + 0 + 1) / 4. The softmax over a column of
    # gradients g and -g is 1 / (1 + exp(-2 g)) and the rest, for g = 3 and g = 1.
    images = torch.tensor([[1.0, 1.0], [2.0, 0.0]]).view(2, 1, 1, 2)
    nodes = pb.score(TwoLayers(), images, proxies=["lpzero"], nodes=True)["lpzero"]
    shares = [1 / (1 + math.exp(-2 * g)) for g in (3, 1)]
    squares = sum(share**2 + (1 - share) ** 2 for share in shares) / 4
    assert nodes.tolist() == pytest.approx([1.5 + squares, 0.0])


def test_confidence_of_projections_by_hand() -> None:
    # The largest of the tokens: 3 and -1 in the first image, 4 and 5 in the second.
    images = torch.tensor([[[1.0, -1.0], [3.0, -2.0]], [[0.0, 5.0], [4.0, 1.0]]]).view(2, 1, 2, 2)
    found = pb.score(OneAttention(), images, proxies=["head_confidence"])
    assert found["head_confidence"] == (3 - 1 + 4 + 5) / 4


def test_confidence_of_the_softmax_by_hand() -> None:
    # Head 1 has tokens 0 and 0, so all weights are 1/2. Head 2 has tokens 1 and 0: the first query gives the weights
    # e / (e + 1) and 1 / (e + 1), the second 1/2 and 1/2. The largest of both heads, averaged:
    images = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]] * 2).view(2, 1, 2, 2)
    found = pb.score(OneAttention(), images, proxies=["head_softmax_confidence"])
    assert found["head_softmax_confidence"] == pytest.approx((math.e / (math.e + 1) + 3 * 0.5) / 4)


def test_weights_are_the_same_however_attention_is_computed() -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    tokens = torch.randn(3, 5, 8)
    query, key, value = (
        part.unflatten(-1, (2, 4)).transpose(1, 2)
        for part in functional.linear(tokens, module.in_proj_weight, module.in_proj_bias).chunk(3, dim=-1)
    )
    ways = [
        lambda: module(tokens, tokens, tokens, need_weights=False),
        lambda: functional.scaled_dot_product_attention(query, key, value),
        lambda: (query @ key.mT / 2).softmax(-1) @ value,
        lambda: torch.softmax(query @ key.mT / 2, dim=3) @ value,
    ]
    seen: list[Tensor] = []
    for way in ways:
        with attention_weights(module, lambda _, weights: seen.append(weights)), torch.no_grad():
            way()
    assert len(seen) == len(ways)
    for weights in seen:
        torch.testing.assert_close(weights, seen[-1])


def test_a_later_token_has_no_weight_in_causal_attention() -> None:
    seen: list[Tensor] = []
    heads = torch.randn(1, 2, 4, 3)
    with attention_weights(nn.Identity(), lambda _, weights: seen.append(weights)):
        functional.scaled_dot_product_attention(heads, heads, heads, is_causal=True)
    [weights] = seen
    assert weights.shape == (1, 2, 4, 4)
    assert not weights.triu(1).any()
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 2, 4))


def test_attention_to_other_things_and_other_softmaxes_are_left_out() -> None:
    seen: list[Tensor] = []
    with attention_weights(nn.Identity(), lambda _, weights: seen.append(weights)):
        torch.randn(4, 4).softmax(-1)  # of logits
        torch.randn(2, 3, 3).softmax(1)
        functional.scaled_dot_product_attention(torch.randn(1, 2, 3, 4), *torch.randn(2, 1, 2, 5, 4))
    assert not seen


def test_each_layer_of_a_vision_transformer_has_its_own_value() -> None:
    network = build(get_space("vit-micro").parse("c32-h1r1-h2r4"))
    nodes = pb.score(network, batch(4, (3, 32, 32))[0], proxies=NAMES, nodes=True)
    for name in NAMES:
        positive = [operation for operation, value in zip(network.operations, nodes[name], strict=True) if value]
        assert positive == ["body.layer0.attention", "body.layer1.attention"], name
    # One head of 64 tokens: the mean of weights that add up to 1.
    confidence = dict(zip(network.operations, nodes["head_softmax_confidence"], strict=True))
    assert confidence["body.layer0.attention"] == pytest.approx(1 / 64)
    assert confidence["body.layer1.attention"] > 1 / 64


def test_the_order_of_images_and_tokens_does_not_matter() -> None:
    class SequenceFirst(nn.Module):
        def __init__(self, attention: nn.MultiheadAttention) -> None:
            super().__init__()
            self.attention = attention

        def forward(self, images: Tensor) -> Tensor:
            tokens = images.flatten(1, 2)  # [n, tokens, channels]
            if not self.attention.batch_first:
                tokens = tokens.transpose(0, 1)
            mixed, _ = self.attention(tokens, tokens, tokens)
            return mixed.mean(1 if self.attention.batch_first else 0)

    torch.manual_seed(0)
    first, last = (nn.MultiheadAttention(4, 2, batch_first=given) for given in (True, False))
    last.load_state_dict(first.state_dict())
    images = torch.randn(4, 1, 4, 4)
    found = [pb.score(SequenceFirst(module), images, proxies=NAMES) for module in (first, last)]
    assert dict(found[0]) == pytest.approx(dict(found[1]), rel=1e-5)


def test_torchs_transformer_has_all_of_them() -> None:
    found = pb.score(VisionTransformer(), batch()[0], proxies=NAMES)
    assert not found.reasons
    assert all(value > 0 for value in found.values())


def test_a_network_without_attention_has_no_answer() -> None:
    found = pb.score(nasbench201(), batch()[0], proxies=NAMES)
    layers = "the network has no layer of attention"
    assert found.reasons == {
        "head_confidence": layers,
        "head_importance": layers,
        "head_softmax_confidence": "the network has no self-attention",
    }
