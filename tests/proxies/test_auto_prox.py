"""Auto-Prox: against the same formula written out for a small network, and networks to which it does not apply."""

from __future__ import annotations

import pytest
import torch
from networks import VisionTransformer, batch, nasbench201
from torch import Tensor, nn
from torch.nn import functional

import proxybench as pb
from proxybench.proxies.probe import Probe

NAMES = ["auto_prox_a", "auto_prox_p"]


class Small(nn.Module):
    """A linear map called attention, a rectifier that writes into its input, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Linear(12, 5)
        self.classifier = nn.Linear(5, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(functional.relu_(self.attention(images.flatten(1))))


def written_out(network: Small, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Both proxies, with the gradients of tensors that are kept for it."""
    before = network.attention(images.flatten(1)).detach().requires_grad_()
    after = before.relu()
    after.retain_grad()
    functional.cross_entropy(network.classifier(after), labels).backward()
    assert before.grad is not None
    assert after.grad is not None
    at_classifier, at_rectifier = after.grad.double(), before.grad.double()
    standardised = (at_classifier - at_classifier.mean()) / at_classifier.std()
    weights = [layer.weight.detach().double() for layer in (network.attention, network.classifier)]
    roots = [weight.clamp(min=0).sqrt().mean() for weight in weights]
    a = (roots[0] + roots[1] + standardised.abs().mean()) / 2  # the input of the first layer is the image
    p = (weights[0].norm() + weights[1].norm()) / 2 - at_rectifier.abs().mean().log()
    return float(a), float(p)


@pytest.fixture
def small() -> tuple[Small, Tensor, Tensor]:
    torch.manual_seed(0)
    return Small(), torch.randn(6, 3, 2, 2), torch.arange(6) % 3


def test_both_are_their_formulas(small: tuple[Small, Tensor, Tensor]) -> None:
    found = pb.score(*small, proxies=NAMES)
    assert (found["auto_prox_a"], found["auto_prox_p"]) == pytest.approx(written_out(*small), rel=1e-6)


def test_the_first_is_a_sum_of_a_value_for_each_layer(small: tuple[Small, Tensor, Tensor]) -> None:
    nodes = pb.score(*small, proxies=["auto_prox_a"], nodes=True)["auto_prox_a"]
    assert len(nodes) == 2
    assert nodes.sum() == pytest.approx(written_out(*small)[0], rel=1e-6)
    root = small[0].attention.weight.detach().clamp(min=0).sqrt().mean()
    assert nodes[0] == pytest.approx(float(root) / 2, rel=1e-6)


def test_a_vision_transformer_has_both_and_attention_of_torch_counts() -> None:
    images, labels = batch(4, (3, 8, 8))
    scores = Probe(VisionTransformer(), images, labels).run([pb.proxies.PROXIES[name] for name in NAMES])
    assert not scores.unanswered
    assert scores.nodes["auto_prox_a"].min() > 0


def test_a_network_without_attention_has_no_answer() -> None:
    scores = Probe(nasbench201(), *batch()).run([pb.proxies.PROXIES[name] for name in NAMES])
    assert scores.unanswered == dict.fromkeys(NAMES, "the network has no layer of attention")


def test_labels_are_required(small: tuple[Small, Tensor, Tensor]) -> None:
    network, images, _ = small
    with pytest.raises(ValueError, match="labels"):
        pb.score(network, images, proxies=["auto_prox_p"])
