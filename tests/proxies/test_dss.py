"""DSS++: nuclear norms and saliencies by hand, and which layers belong to attention."""

from __future__ import annotations

import math

import pytest
import torch
from networks import VisionTransformer, batch, nasbench201
from torch import Tensor, nn

import proxybench as pb
from proxybench.networks import build
from proxybench.proxies.dss import belongs_to_attention
from proxybench.proxies.layers import find_layers
from proxybench.proxies.probe import Probe
from proxybench.spaces import get_space


class TwoLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.head = nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)
        self.attention.weight.data = torch.tensor([[1.0, -2.0], [0.0, 1.0]])
        self.head.weight.data = torch.tensor([[1.0, -1.0]])

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.head(self.attention(images.flatten(1)))
        return out


def test_two_layers_by_hand() -> None:
    # |W| = [[1, 2], [0, 1]] has singular values with sum sqrt(1 + 4 + 1 + 2 det) = sqrt(8); the gradient is all ones,
    # with nuclear norm 2. The head sees 3 and 1.
    nodes = pb.score(TwoLayers(), torch.randn(2, 1, 1, 2), proxies=["dss"], nodes=True)["dss"]
    assert nodes.tolist() == pytest.approx([2 * math.sqrt(8), 4.0])


def test_layers_of_attention_are_recognised() -> None:
    vit = build(get_space("vit-micro").parse("c32-h1r1-h2r4"))
    names = [layer.name for layer in find_layers(vit) if belongs_to_attention(layer)]
    assert len(names) == 4
    assert all(".attention." in name for name in names)
    torchs = [layer.name for layer in find_layers(VisionTransformer()) if belongs_to_attention(layer)]
    assert torchs == [
        "blocks.0.attention.in_proj_weight",
        "blocks.0.attention.out_proj",
        "blocks.1.self_attn.in_proj_weight",
        "blocks.1.self_attn.out_proj",
    ]


def test_a_network_without_attention_has_no_answer() -> None:
    scores = Probe(nasbench201(), *batch()).run([pb.proxies.PROXIES["dss"]])
    assert scores.unanswered == {"dss": "the network has no layer of attention"}
