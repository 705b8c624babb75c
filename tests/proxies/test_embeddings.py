"""Proxies that differentiate by the input, on the embeddings of tokens."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import proxybench as pb
from proxybench.networks import build
from proxybench.proxies.base import Tap
from proxybench.proxies.batch_pass import batch_pass
from proxybench.proxies.embeddings import embedded
from proxybench.proxies.probe import Probe
from proxybench.spaces import get_space

TOKENS = torch.tensor([[1, 2, 3], [3, 3, 0], [2, 0, 1]])


class Text(nn.Module):
    """Embeddings of tokens and of places, a linear layer of their products, the sum over tokens."""

    def __init__(self, *, looked_up: bool = False) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(4, 2), nn.Embedding(3, 2)
        self.last = nn.Linear(2, 3, bias=False)
        self.looked_up = looked_up

    def forward(self, tokens: Tensor) -> Tensor:
        words = self.words.weight[tokens] if self.looked_up else self.words(tokens)
        out: Tensor = self.last((words.square() * self.places(torch.arange(tokens.shape[1]))).sum(1))
        return out


def test_the_gradient_is_that_by_the_embeddings() -> None:
    torch.manual_seed(0)
    network = Text()
    gradient = Probe(network, TOKENS, taps=frozenset({Tap.INPUT_GRADIENT})).once(batch_pass).input_gradient
    # The derivative of the sum over classes of last (w^2 * place) by w.
    words, places = network.words.weight[TOKENS], network.places.weight
    expected = 2 * words * places * network.last.weight.sum(0)
    torch.testing.assert_close(gradient, expected.detach())


def test_only_what_looks_up_the_batch_is_found() -> None:
    network = Text()
    with embedded(network, TOKENS) as found:
        network(TOKENS)
    assert [one.shape for one in found] == [(3, 3, 2)]
    assert not network.words._forward_hooks


def test_scores_of_a_text_by_its_embeddings() -> None:
    torch.manual_seed(0)
    found = pb.score(Text(), TOKENS, torch.tensor([0, 0, 1]), proxies=["jacov", "epe_nas", "depth", "convolutions"])
    assert not found.reasons
    assert found["depth"] == 2  # the embeddings of places multiply those of words
    assert found["convolutions"] == 0
    assert found["jacov"] <= -3


def test_a_network_that_looks_tokens_up_by_itself_has_no_answer() -> None:
    found = pb.score(Text(looked_up=True), TOKENS, proxies=["jacov", "depth"])
    assert found.reasons == {
        "jacov": "integers have no gradient, and no module of the network embeds them",
        "depth": "integers have no derivative, and no modules of the network embed them",
    }


@pytest.mark.parametrize(
    ("space", "text", "depth"),
    [
        # Projection of the embedding; query (wma: two) or value, result, and the feed-forward networks; the classifier.
        ("flexibert", "c128-sdp_h2_f512x1-wma_h4_f512x3", 1 + (2 + 2) + (3 + 4) + 2),
        # Attention and feed-forward network are side by side, two layers each, in ten layers; the classifier.
        ("gpt-s", get_space("gpt-s").example, 10 * 2 + 1),
    ],
)
def test_the_depth_of_a_text_network(space: str, text: str, depth: int) -> None:
    known = get_space(space)
    small = {"vocabulary": 40, "length": 16, "embedding": 8, "hidden": 16}
    if space == "gpt-s":
        small = {"vocabulary": 40, "head_channels": 4, "width": 0.04}
    network = build(known.parse(text), 3, **small)
    found = pb.score(network, torch.randint(1, 40, (4, 12)), proxies=["depth"])
    assert found["depth"] == depth
