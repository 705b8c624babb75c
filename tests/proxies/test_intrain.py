"""InTrain: participation ratios and evenness by hand, and a perceptron worked out with numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from networks import batch, nasbench201, odd
from torch import nn

from proxybench.proxies import PROXIES
from proxybench.proxies.intrain import evenness
from proxybench.proxies.noise_pass import participation_ratio
from proxybench.proxies.probe import Probe


def test_participation_ratios_by_hand() -> None:
    one = torch.tensor([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])  # two channels, uncorrelated
    assert participation_ratio(one[None], channels_first=True) == pytest.approx(2)
    assert participation_ratio(one.T, channels_first=False) == pytest.approx(2)
    stretched = one * torch.tensor([[1.0], [3.0]])  # variances 1 and 9: 100 / 82
    assert participation_ratio(stretched[None], channels_first=True) == pytest.approx(100 / 82)
    same = torch.stack([one[0], one[0] + 7])
    assert participation_ratio(same[None], channels_first=True) == pytest.approx(1, rel=1e-5)
    assert participation_ratio(torch.full((3, 2, 4, 4), 0.3), channels_first=True) == 0


def test_evenness_by_hand() -> None:
    # Mean 1/4, variance (9/16 + 3/16) / 3 = 1/4.
    assert evenness(torch.tensor([1.0, 0.0, 0.0, 0.0])) == pytest.approx(0.5)
    assert evenness(torch.tensor([1e-30, 0.0, 0.0, 0.0])) == pytest.approx(0.5)
    assert evenness(torch.tensor([1.0, -1.0])) == 1  # the standard deviation is 1.41
    assert evenness(torch.tensor([2.0])) == evenness(torch.zeros(3)) == evenness(torch.full((3,), 2.0)) == 0


def test_a_perceptron_worked_out_with_numpy() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    probe = Probe(network, torch.randn(6, 1, 2, 2, dtype=torch.float64), torch.arange(6) % 3)
    found = probe.run([PROXIES["intrain"]]).values["intrain"]
    noise = probe.noise("eznas_a")
    hidden, logits = network[1](noise.flatten(1)), network(noise)
    capacity = 0.0
    for output in (hidden, logits):
        eigenvalues = np.linalg.eigvalsh(np.cov(output.detach().numpy().T, bias=True))
        capacity += math.log(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())
    nn.functional.cross_entropy(logits, torch.arange(6) % 3).backward()
    gradients = [parameter.grad.numpy() for parameter in network.parameters() if parameter.grad is not None]
    resilience = sum(min(1.0, gradient.std(ddof=1) / np.abs(gradient).max()) for gradient in gradients)
    assert len(gradients) == 4
    assert found == pytest.approx(capacity * (1 + resilience) / math.log(3), rel=1e-9)


def test_the_gradients_of_another_proxy_of_the_noise_stay_the_same() -> None:
    alone = Probe(nasbench201(), *batch()).run([PROXIES["eznas_a"]]).values["eznas_a"]
    together = Probe(nasbench201(), *batch()).run([PROXIES["intrain"], PROXIES["eznas_a"]])
    assert together.values["eznas_a"] == alone


def test_a_network_whose_layers_output_constants_has_no_answer() -> None:
    network, images, labels = odd("zero weights")
    assert Probe(network, images, labels).run([PROXIES["intrain"]]).unanswered == {
        "intrain": "no layer has an output that varies"
    }
