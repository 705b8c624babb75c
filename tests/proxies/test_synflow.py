"""Synaptic flow against values worked out by hand and a definition with a loop over weights."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from networks import batch, nasbench201
from torch import Tensor, nn

from proxybench.proxies import PROXIES
from proxybench.proxies.probe import Probe
from proxybench.proxies.scores import Scores


def scores(network: nn.Module, images: Tensor) -> Scores:
    return Probe(network, images).run([PROXIES["synflow"], PROXIES["logsynflow"]])


def two_layers() -> nn.Sequential:
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    network[0].weight.data.copy_(torch.tensor([[1.0, -2.0], [0.0, 3.0]]))
    network[2].weight.data.copy_(torch.tensor([[2.0, -1.0]]))
    return network


def test_two_layers_by_hand() -> None:
    # Absolute weights on ones: h = (3, 3), R = 2 3 + 1 3 = 9. Each layer's flow is R.
    # Gradients: of the first layer rows of 2 and of 1, of the second (3, 3).
    found = scores(two_layers(), torch.randn(4, 2))
    assert found.nodes["synflow"].tolist() == [9.0, 9.0]
    expected = [3 * log(3) + 3 * log(2), 3 * log(4)]
    assert found.nodes["logsynflow"] == pytest.approx(expected, rel=1e-12)


def test_a_bias_flows_but_does_not_count() -> None:
    # h = (3 + 5, 3), R = 2 8 + 3 = 19: the second layer has 19, the first 19 less the 2 5 that its bias brings.
    network = two_layers()
    network[0].bias = nn.Parameter(torch.tensor([-5.0, 0.0]))
    assert scores(network, torch.randn(4, 2)).nodes["synflow"].tolist() == [9.0, 19.0]


def test_batch_normalisation_is_taken_out() -> None:
    network = two_layers()
    normalised = nn.Sequential(network[0], nn.BatchNorm1d(2), network[1], network[2])
    normalised[1].running_mean.fill_(3)
    normalised[1].weight.data.fill_(7)
    assert scores(normalised, torch.randn(4, 2)).values["synflow"] == 18.0


def test_a_network_agrees_with_a_loop_over_weights() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Conv2d(2, 2, 2, bias=False), nn.Flatten(), nn.Linear(2, 2)),
    )
    found = scores(network, torch.randn(3, 1, 3, 3))
    weights = [(network[i].weight.detach().double().abs().numpy(), network[i].bias) for i in (0, 4, 6)]

    def flow(parts: list[np.ndarray]) -> float:
        """R, by loops: a 2 x 2 convolution of a 3 x 3 image of ones, one of the 2 x 2 result, a linear layer."""
        biases = [np.zeros(2) if bias is None else np.abs(bias.detach().double().numpy()) for _, bias in weights]
        maps = np.ones((1, 3, 3))
        for kernel, bias in zip(parts[:2], biases[:2], strict=True):
            size = maps.shape[1] - 1
            maps = np.array(
                [
                    [[(maps[:, r : r + 2, c : c + 2] * k).sum() + b for c in range(size)] for r in range(size)]
                    for k, b in zip(kernel, bias, strict=True)
                ]
            )
        return float((parts[2] @ maps.flatten() + biases[2]).sum())

    start = [weight for weight, _ in weights]
    for layer, weight in enumerate(start):
        gradient = np.zeros_like(weight)
        for place in np.ndindex(*weight.shape):
            moved = [part.copy() for part in start]
            moved[layer][place] += 1.0  # R is linear in each weight, so that this difference is the derivative
            gradient[place] = flow(moved) - flow(start)
        assert found.nodes["synflow"][layer] == pytest.approx((weight * gradient).sum(), rel=1e-9)
        assert found.nodes["logsynflow"][layer] == pytest.approx((weight * np.log1p(gradient)).sum(), rel=1e-9)


def test_neither_batch_nor_labels_nor_mode_matter() -> None:
    network = nasbench201()
    values = scores(network, batch(2)[0]).values
    assert scores(network.eval(), batch(7)[0]).values == values
    assert Probe(network, *batch(3), seed=5).run([PROXIES["synflow"]]).values["synflow"] == values["synflow"]


def test_a_flow_beyond_single_precision_is_a_number() -> None:
    # 60 layers of weight 1e6: R = 1e360 leaves float64, 50 layers are 1e300 and leave only float32.
    for count, expected in ((50, 50 * 1e300), (60, np.nan)):
        network = nn.Sequential(*(nn.Linear(1, 1, bias=False) for _ in range(count)))
        for layer in network:
            layer.weight.data.fill_(-1e6)
        found = scores(network, torch.zeros(1, 1)).values["synflow"]
        assert found == pytest.approx(expected, rel=1e-9, nan_ok=True)
