"""W-PCA: principal components by hand, and which layers are the hidden ones of feed-forward networks."""

from __future__ import annotations

import pytest
import torch
from networks import VisionTransformer, batch, nasbench201
from torch import Tensor, nn
from torch.nn import functional

import proxybench as pb
from proxybench.networks import build
from proxybench.proxies.hidden_features import principal_components
from proxybench.proxies.probe import Probe
from proxybench.proxies.w_pca import hidden_components
from proxybench.spaces import get_space


class FeedForward(nn.Module):
    """relu of an identity of tokens of two channels, their mean, a classifier of one logit; all without biases."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.last = nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)
        self.hidden.weight.data = torch.eye(2)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.last(functional.relu(self.hidden(images.flatten(1, 2))).mean(1))
        return out


def test_components_by_hand() -> None:
    # Variances 18 and 2 along the axes: the first holds 90 %.
    rows = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert principal_components(rows, 0.89) == 1
    assert principal_components(rows, 0.91) == 2
    assert principal_components(rows + 100, 0.91) == 2
    assert principal_components(rows.repeat(1, 5), 0.91) == 2  # more columns than rows
    assert principal_components(torch.full((4, 2), 0.1)) == 0


def test_a_feed_forward_network_by_hand() -> None:
    # Tokens (3, 0), (-3, 0), (0, 0.1), (0, -0.1): the first component holds 18 / 18.02, more than 99 %; 6 parameters.
    images = torch.tensor([[[3.0, 0.0], [-3.0, 0.0]], [[0.0, 0.1], [0.0, -0.1]]]).view(2, 1, 2, 2)
    found = pb.score(FeedForward(), images, proxies=["w_pca"], nodes=True)["w_pca"]
    assert found.tolist() == [6.0, 0.0]
    images[1] *= 10  # 18 of 20 are less
    assert pb.score(FeedForward(), images, proxies=["w_pca"])["w_pca"] == 12.0


# Three hidden layers in the first feed-forward network of FlexiBERT, one in the second.
FLEXIBERT = [*(f"body.layer0.mlp.first.{place}" for place in (0, 2, 4)), "body.layer1.mlp.first.0"]
SMALL = {
    "vit-micro": {},
    "gpt-s": {"vocabulary": 40, "head_channels": 4, "width": 0.04},
    "flexibert": {"vocabulary": 40, "length": 16, "embedding": 8, "hidden": 16},
}


@pytest.mark.parametrize(
    ("space", "text", "expected"),
    [
        ("vit-micro", "c32-h1r1-h2r4", ["body.layer0.mlp.1", "body.layer1.mlp.1"]),
        ("gpt-s", get_space("gpt-s").example, [f"body.layer{place}.mlp.1" for place in range(10)]),
        ("flexibert", "c128-sdp_h2_f512x3-dft_h4_f512x1", FLEXIBERT),
    ],
)
def test_hidden_layers_are_found(space: str, text: str, expected: list[str]) -> None:
    network = build(get_space(space).parse(text), 3, **SMALL[space])
    inputs = batch(4, (3, 32, 32))[0] if space == "vit-micro" else torch.randint(1, 40, (4, 12))
    probe = Probe(network, inputs)
    found = [layer.name for layer, count in zip(probe.layers, hidden_components(probe), strict=True) if count]
    assert found == expected


def test_hidden_layers_of_torchs_transformer_are_found() -> None:
    probe = Probe(VisionTransformer(), batch()[0])
    found = [layer.name for layer, count in zip(probe.layers, hidden_components(probe), strict=True) if count]
    assert len(found) == 2
    assert all("attn" not in name and "attention" not in name for name in found)


def test_a_network_without_tokens_has_no_answer() -> None:
    perceptron = nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.ReLU(), nn.Linear(5, 4))
    for network in (nasbench201(), perceptron):
        found = pb.score(network, batch()[0], proxies=["w_pca"])
        assert found.reasons == {"w_pca": "the network has no feed-forward network over tokens"}
