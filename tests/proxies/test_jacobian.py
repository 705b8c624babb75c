"""jacov and epe_nas against hand-worked gradients and against their definitions written as loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from proxybench.proxies.jacobian import epe_nas, jacov
from proxybench.proxies.probe import Probe

# Correlations of these images over their pixels: .6 between 0 and 1, 0 between 2 and the others.
IMAGES = torch.tensor([[3.0, 1, -1, -3], [1, 3, -3, -1], [1, -1, -1, 1]]).reshape(3, 1, 2, 2)


class Squares(nn.Module):
    """First logit half the squared length of the image, the others 0: the gradient of an image is the image."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.classes = classes
        self.register_buffer("scale", torch.tensor(0.5, dtype=torch.float64))  # makes it a float64 network

    def forward(self, images: Tensor) -> Tensor:
        halves = self.scale * images.flatten(1).square().sum(1, keepdim=True)
        return nn.functional.pad(halves, (0, self.classes - 1))


def scores(network: nn.Module, images: Tensor, labels: list[int] | Tensor | None = None) -> dict[str, float]:
    labels = torch.tensor(labels) if isinstance(labels, list) else labels
    found = Probe(network, images, labels).run([jacov] if labels is None else [jacov, epe_nas])
    assert {name for name, value in found.values.items() if math.isnan(value)} == set(found.unanswered)
    return found.values


def convolutional(classes: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, classes)
    ).double()


def correlation(one: list[float], other: list[float]) -> float:
    a = [value - sum(one) / len(one) for value in one]
    b = [value - sum(other) / len(other) for value in other]
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def image_gradients(network: nn.Module, images: Tensor) -> list[list[float]]:
    leaf = images.clone().requires_grad_()
    network.train()(leaf).sum().backward()
    return leaf.grad.flatten(1).tolist()


def epe_by_loops(rows: list[list[float]], labels: list[int], classes: int) -> float:
    sums = {}
    for label in set(labels):
        members = [row for row, own in zip(rows, labels, strict=True) if own == label]
        if classes > 100 and len(members) == 1:
            continue
        sums[label] = sum(math.log(abs(correlation(a, b)) + 1e-5) for a in members for b in members)
        if classes > 100:
            sums[label] /= len(members)
    if classes <= 100:
        return sum(abs(value) for value in sums.values())
    return sum(abs(a - b) for a in sums.values() for b in sums.values()) / len(sums)


def test_jacov_of_a_correlation_of_six_tenths() -> None:
    # eigenvalues 1.6 and .4: log 1.6 + 1/1.6 + log .4 + 1/.4 = .470004 + .625 - .916291 + 2.5
    assert scores(Squares(), IMAGES[:2])["jacov"] == pytest.approx(-2.678713, abs=1e-4)


def test_jacov_of_uncorrelated_images_is_minus_their_number() -> None:
    assert scores(Squares(), IMAGES[1:])["jacov"] == pytest.approx(-2, abs=1e-8)


def test_jacov_of_equal_images_is_set_by_the_jitter() -> None:
    expected = -(math.log(2 + 1e-5) + 1 / (2 + 1e-5) + math.log(1e-5) + 1e5)
    assert scores(Squares(), IMAGES[[0, 0]])["jacov"] == pytest.approx(expected, rel=1e-6)


def test_epe_nas_adds_the_sizes_of_the_classes_sums() -> None:
    # class 0: twice log(.6 + 1e-5), and the images with themselves; class 1: its image with itself
    expected = -2 * math.log(0.60001) - 2 * math.log(1.00001) + math.log(1.00001)
    assert scores(Squares(), IMAGES, [4, 4, 7])["epe_nas"] == pytest.approx(expected, rel=1e-6)


def test_epe_nas_with_many_logits_compares_classes() -> None:
    # class 0 as above, per image log(.60001) + log(1.00001); class 1: twice image 2, 2 log(1.00001) per image
    images = IMAGES[[0, 1, 2, 2]]
    each = [math.log(0.60001) + math.log(1.00001), 2 * math.log(1.00001)]
    expected = 2 * abs(each[0] - each[1]) / 2
    assert scores(Squares(101), images, [0, 0, 1, 1])["epe_nas"] == pytest.approx(expected, rel=1e-6)
    # As many logits as words: a matrix of all pairs of classes would take 20 GB.
    assert scores(Squares(50_000), images, [7, 7, 49_999, 49_999])["epe_nas"] == pytest.approx(expected, rel=1e-6)


def test_labels_that_are_no_classes_have_no_epe_nas() -> None:
    soft = torch.tensor([[0.1, 0.5, 0.4], [0.2, 0.7, 0.1], [0.6, 0.1, 0.3]])
    for labels in (soft, soft[:, 0], torch.tensor([True, True, False]), torch.tensor([3, 3, 0])):
        assert math.isnan(scores(Squares(3), IMAGES, labels)["epe_nas"])


def test_jacov_is_its_definition_through_batch_normalisation() -> None:
    network, images = convolutional(4), torch.randn(6, 2, 5, 5, dtype=torch.float64)
    rows = image_gradients(network, images)
    values, _ = np.linalg.eig(np.array([[correlation(a, b) for b in rows] for a in rows]))
    expected = -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in values)
    assert scores(network, images)["jacov"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("classes", [10, 100, 101, 120])
def test_epe_nas_is_its_definition_through_batch_normalisation(classes: int) -> None:
    network, images = convolutional(classes), torch.randn(9, 2, 5, 5, dtype=torch.float64)
    labels = [3, 0, 3, 3, 9, 0, 5, 9, 9]
    expected = epe_by_loops(image_gradients(network, images), labels, classes)
    assert expected > 1
    assert scores(network, images, labels)["epe_nas"] == pytest.approx(expected, rel=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.permutations(range(5)), st.floats(0.1, 10), st.floats(-5, 5))
def test_neither_order_nor_scale_nor_offset_of_the_gradients_matters(
    seed: int, order: list[int], scale: float, offset: float
) -> None:
    images = torch.randn(5, 1, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    labels = torch.tensor([0, 0, 1, 1, 1])
    plain = scores(Squares(), images, labels)
    changed = scores(Squares(), scale * images[list(order)] + offset, labels[list(order)])
    assert changed == pytest.approx(plain, rel=1e-6)
    assert plain["jacov"] <= -5 + 1e-3


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        pytest.param(IMAGES[:1], [0], id="one image"),
        pytest.param(
            torch.full((3, 1, 7, 7), 0.1, dtype=torch.float64), [0, 0, 1], id="constant images, constant gradients"
        ),
        pytest.param(IMAGES * math.inf, [0, 0, 1], id="gradients that are not finite"),
    ],
)
def test_no_correlations_no_scores(images: Tensor, labels: list[int]) -> None:
    assert all(math.isnan(value) for value in scores(Squares(), images, labels).values())


def test_a_network_that_ignores_its_image_has_no_score() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    nn.init.zeros_(network[1].weight)
    assert all(math.isnan(value) for value in scores(network, IMAGES, [0, 0, 1]).values())


@pytest.mark.parametrize(("classes", "labels"), [(10, [0, 1, 2]), (101, [0, 1, 2]), (101, [0, 0, 1]), (101, [0, 0, 0])])
def test_epe_nas_needs_classes_to_compare(classes: int, labels: list[int]) -> None:
    found = scores(Squares(classes), IMAGES, labels)
    assert math.isnan(found["epe_nas"])
    assert not math.isnan(found["jacov"])


def test_one_class_is_enough_where_classes_are_added() -> None:
    assert scores(Squares(), IMAGES[:2], [0, 0])["epe_nas"] == pytest.approx(-2 * math.log(0.6), rel=1e-3)


def test_epe_nas_without_labels_is_wrong_use() -> None:
    with pytest.raises(ValueError, match="'epe_nas' needs labels"):
        Probe(Squares(), IMAGES).run([epe_nas])
