"""The proxies that share the pass in evaluation mode do not depend on each other."""

from __future__ import annotations

import pytest
import torch
from networks import VisionTransformer, batch
from torch import Tensor, nn

import proxybench as pb
from proxybench.proxies import PROXIES
from proxybench.proxies.probe import Probe

TOGETHER = ["head_confidence", "head_softmax_confidence", "t_cet", "w_pca"]


class Recurrent(nn.Module):
    """A recurrent layer, whose products nothing can see, then a feed-forward network over its tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.hidden, self.last = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, images: Tensor) -> Tensor:
        tokens, _ = self.steps(images.flatten(2).mT)
        out: Tensor = self.last(torch.relu(self.hidden(tokens)).mean(1))
        return out


def test_one_pass_gives_what_separate_passes_give() -> None:
    network, (images, _) = VisionTransformer(), batch()
    together = Probe(network, images).run([PROXIES[name] for name in TOGETHER])
    assert "evaluation_pass" in together.seconds
    for name in TOGETHER:
        alone = Probe(network, images).run([PROXIES[name]])
        assert together.nodes[name] == pytest.approx(alone.nodes[name], rel=1e-12), name


def test_what_one_proxy_cannot_see_leaves_the_others_their_scores() -> None:
    torch.manual_seed(0)
    found = pb.score(Recurrent(), batch()[0], proxies=["t_cet", "w_pca"])
    assert "cannot be seen" in found.reasons["t_cet"]
    assert found["w_pca"] > 0
