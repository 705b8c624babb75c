"""SWAP against patterns written out by hand and against a set of tuples."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from proxybench.networks.nasbench201 import build
from proxybench.proxies.probe import Probe
from proxybench.proxies.swap import sample_patterns, swap
from proxybench.spaces.nasbench201 import NASBench201


def score(network: nn.Module, images: Tensor) -> float:
    return Probe(network, images).run([swap]).values["swap"]


def test_columns_of_signs_are_counted_once() -> None:
    # Neurons fire for images (0, 1), (0, 1), (2), none: three patterns.
    images = torch.tensor([[1.0, 2, -1, -1], [3, 1, -2, -1], [-1, -1, 5, -1]])
    assert score(nn.Sequential(nn.ReLU(), nn.Linear(4, 2)), images) == 3


def test_zero_is_not_positive() -> None:
    assert score(nn.ReLU(), torch.tensor([[0.0, -1], [0, -1]])) == 1


def test_patterns_of_all_rectifiers_are_put_together() -> None:
    # The second rectifier sees the negated images: patterns {01, 10} of the first and {10, 01} of the second.
    class Twice(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.relu(images) + torch.relu(-images)

    assert score(Twice(), torch.tensor([[-1.0, 1], [1, -1]])) == 2


def test_only_the_first_sixteen_images_count() -> None:
    # All neurons fire alike on images 0-15 and differ after them.
    images = torch.cat([torch.ones(16, 3), -torch.eye(3)])
    assert score(nn.ReLU(), images) == 1


def test_sixteen_images_have_at_most_65536_patterns() -> None:
    every = (torch.arange(2**16) >> torch.arange(16).unsqueeze(1)) & 1 == 1
    assert sample_patterns([every, every]) == 65536


@given(
    st.lists(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=9), min_size=1, max_size=3)
)
def test_equals_a_set_of_tuples(rectifiers: list[list[list[bool]]]) -> None:
    expected = {tuple(neuron) for rectifier in rectifiers for neuron in rectifier}
    assert sample_patterns([torch.tensor(rectifier).T for rectifier in rectifiers]) == len(expected)


def test_equals_the_patterns_of_a_network_with_batch_normalisation() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Flatten()
    )
    images = torch.randn(5, 3, 6, 6)
    first = network[:2](images)
    second = network[2:4](first)
    neurons = torch.cat([first.flatten(1), second.flatten(1)], dim=1).T
    expected = {tuple(bool(value > 0) for value in neuron) for neuron in neurons}
    assert score(network, images) == len(expected) > 4


def test_a_network_without_a_rectifier_has_no_answer() -> None:
    assert math.isnan(score(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.randn(3, 1, 2, 2)))


@pytest.mark.parametrize(
    ("cell", "images", "expected"),
    [
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", 4, 1),  # nothing is ever positive
        ("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|", 1, 2),  # fires or does not
    ],
)
def test_degenerate_cells_and_batches(cell: str, images: int, expected: int) -> None:
    network = build(NASBench201().parse(cell), channels=4, cells=1)
    assert score(network, torch.randn(images, 3, 8, 8)) == expected


def test_equal_images_show_two_patterns() -> None:
    network = build(
        NASBench201().parse("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|"), channels=4, cells=1
    )
    assert score(network, torch.randn(1, 3, 8, 8).expand(3, -1, -1, -1)) == 2
