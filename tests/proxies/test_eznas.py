"""EZNAS-A against hand-worked kernels and an independent definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from proxybench.networks import build
from proxybench.proxies.eznas import eznas_a, kernel_score
from proxybench.proxies.probe import Probe
from proxybench.spaces.nasbench201 import NASBench201

IMAGES = torch.linspace(-1, 1, 4 * 2 * 6 * 6).reshape(4, 2, 6, 6)
LABELS = torch.tensor([0, 1, 2, 1])


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Conv2d(3, 4, 1),
        nn.ReLU(),
        nn.Conv2d(4, 4, (1, 3)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def test_a_kernel_of_one_weight_counts_one_half() -> None:
    # the four signs +-1 have |det| 1, sigmoid(log 1) = 1/2, and the norm over four kernels is 1
    assert kernel_score(torch.tensor([[0.3, -2.0], [5.0, -0.1]]).reshape(2, 2, 1, 1)) == 1.0


def test_a_kernel_of_nine_weights_counts_by_the_determinant_of_its_signs() -> None:
    invertible = torch.tensor([[2.0, 1, 7], [3, -5, 1], [1, 1, -9]])  # signs have determinant 4: 4/5
    singular = torch.ones(3, 3)
    gradient = torch.stack([invertible, singular, -invertible])[None]
    assert kernel_score(gradient).item() == pytest.approx(math.sqrt(2 * 0.8**2), rel=1e-12)


def test_a_dead_convolution_counts_nothing() -> None:
    assert kernel_score(torch.zeros(2, 2, 1, 1)) == 0
    assert kernel_score(torch.zeros(2, 2, 3, 3)) == 0


def test_a_gradient_that_is_not_a_number_reaches_the_score() -> None:
    assert kernel_score(torch.full((1, 1, 1, 1), float("nan"))).isnan()


def test_a_disconnected_cell_leaves_the_living_convolutions() -> None:
    cell = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|none~2|"
    net = build(NASBench201().parse(cell), 3, (2, 6, 6), channels=4, cells=1)
    nodes = dict(zip(net.operations, Probe(net, IMAGES, LABELS).run([eznas_a]).nodes["eznas_a"], strict=True))
    assert nodes["cells.0.edges.0"] == nodes["cells.0.edges.2"] == nodes["classifier"] == 0
    assert nodes["stem"] > 0


def test_the_score_is_the_sum_over_convolutions_with_square_kernels() -> None:
    net = network()
    probe = Probe(net, IMAGES, LABELS, seed=5)
    noise = probe.noise("eznas_a")
    scores = probe.run([eznas_a])

    twin = network().double().train()
    nn.functional.cross_entropy(twin(noise.double()), LABELS).backward()
    expected = []
    for place in (0, 3):
        signs = np.sign(twin[place].weight.grad.numpy())
        with np.errstate(divide="ignore"):
            logs = np.linalg.slogdet(signs)[1]
        expected.append(np.sqrt(np.sum((1 / (1 + np.exp(-logs))) ** 2)))
    np.testing.assert_allclose(scores.nodes["eznas_a"], [expected[0], expected[1], 0, 0], rtol=1e-9)
    assert scores.values["eznas_a"] == pytest.approx(sum(expected), rel=1e-9)


def test_only_the_shape_of_the_images_matters() -> None:
    of_images = Probe(network(), IMAGES, LABELS).run([eznas_a]).values["eznas_a"]
    of_zeros = Probe(network(), torch.zeros_like(IMAGES), LABELS).run([eznas_a]).values["eznas_a"]
    assert of_images == of_zeros


def test_a_network_without_square_kernels_has_no_answer() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(72, 3))
    scores = Probe(flat, IMAGES, LABELS).run([eznas_a])
    assert math.isnan(scores.values["eznas_a"])
    assert "no convolution" in scores.unanswered["eznas_a"]


def test_it_needs_labels() -> None:
    with pytest.raises(ValueError, match="'eznas_a' needs labels"):
        Probe(network(), IMAGES).run([eznas_a])
