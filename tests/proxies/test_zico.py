"""ZiCo against hand-worked gradients and against its definition in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from proxybench.networks.nasbench201 import build
from proxybench.proxies.probe import Probe
from proxybench.proxies.scores import Scores
from proxybench.proxies.zico import zico
from proxybench.spaces.nasbench201 import NASBench201


def weighted(logits: Tensor, labels: Tensor) -> Tensor:
    """A loss whose gradient with respect to the weight of a linear layer is the mean of label times input."""
    return (logits[:, 0] * labels).mean()


def linear_score(images: list[list[float]], labels: list[float]) -> Scores:
    network = nn.Linear(len(images[0]), 1, bias=False)
    return Probe(network, torch.tensor(images), torch.tensor(labels), loss=weighted).run([zico])


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(16, 5)
    ).double()


def test_gradients_1_and_3_have_mean_2_and_deviation_1() -> None:
    assert linear_score([[1], [3]], [1, 1]).values["zico"] == pytest.approx(math.log(2), rel=1e-12)


def test_magnitudes_are_averaged_not_values() -> None:
    # -1 and 3: mean magnitude 2, deviation 2.
    assert linear_score([[1], [3]], [-1, 1]).values["zico"] == pytest.approx(0.0, abs=1e-12)


def test_a_weight_with_equal_gradients_is_left_out() -> None:
    assert linear_score([[1, 7], [3, 7]], [1, 1]).values["zico"] == pytest.approx(math.log(2), rel=1e-12)


def test_weights_are_added_before_the_logarithm() -> None:
    # Ratios 2 (of 1 and 3) and 3 (of 2 and 4).
    assert linear_score([[1, 2], [3, 4]], [1, 1]).values["zico"] == pytest.approx(math.log(5), rel=1e-12)


def test_an_odd_batch_has_the_larger_half_first() -> None:
    # Halves (1, 3) with mean gradient 2, and 4: mean 3, deviation 1.
    assert linear_score([[1], [3], [4]], [1, 1, 1]).values["zico"] == pytest.approx(math.log(3), rel=1e-12)


def test_equals_its_definition_on_a_network_with_batch_normalisation() -> None:
    network, labels = convolutional(), torch.tensor([0, 1, 2, 3, 4, 0])
    images = torch.randn(6, 2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = []
    gradients: list[list[np.ndarray]] = []
    for half in (slice(0, 3), slice(3, 6)):
        network.zero_grad()
        nn.functional.cross_entropy(network.train()(images[half]), labels[half]).backward()
        gradients.append([network[place].weight.grad.numpy().ravel().copy() for place in (0, 3, 5)])
    network.zero_grad()
    for layer in range(3):
        rows = np.array([gradients[0][layer], gradients[1][layer]])
        ratios = [np.mean(np.abs(rows[:, k])) / np.std(rows[:, k]) for k in range(rows.shape[1]) if np.std(rows[:, k])]
        expected.append(math.log(sum(ratios)))
    found = Probe(network, images, labels).run([zico])
    assert found.nodes["zico"] == pytest.approx(expected, rel=1e-9)
    assert found.values["zico"] == pytest.approx(sum(expected), rel=1e-9)


def test_the_scale_of_the_loss_does_not_matter() -> None:
    network, images, labels = convolutional(), torch.rand(4, 2, 4, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3])
    scaled = Probe(network, images, labels, loss=lambda f, y: 1000 * nn.functional.cross_entropy(f, y))
    assert scaled.run([zico]).values == pytest.approx(Probe(network, images, labels).run([zico]).values, rel=1e-9)


def test_a_layer_without_a_gradient_adds_nothing() -> None:
    network = build(
        NASBench201().parse("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"), channels=4, cells=1
    )
    found = Probe(network, torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 3])).run([zico])
    assert found.nodes["zico"][network.operations.index("cells.0.edges.0")] == 0
    assert found.values["zico"] > 0


@pytest.mark.parametrize(
    ("images", "labels"), [([[1.0]], [1.0]), ([[2.0], [2.0]], [1.0, 1.0])], ids=["one image", "equal halves"]
)
def test_no_answer_without_a_difference(images: list[list[float]], labels: list[float]) -> None:
    found = linear_score(images, labels)
    assert math.isnan(found.values["zico"])
    assert found.unanswered["zico"]


def test_no_answer_for_a_cell_of_zeros() -> None:
    network = build(NASBench201().parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"), channels=4, cells=1)
    found = Probe(network, torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 3])).run([zico])
    assert found.unanswered == {"zico": "no gradient differs between the halves of the batch"}


def test_a_gradient_that_is_not_finite_makes_the_score_nan() -> None:
    assert math.isnan(linear_score([[1, math.inf], [3, 1]], [1, 1]).values["zico"])
