"""Boundaries of linear regions along segments against hand-placed neurons and a loop over neurons."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from proxybench.networks.nasbench201 import build
from proxybench.proxies.linear_regions import STEPS, count_crossings, linear_regions
from proxybench.proxies.probe import Probe
from proxybench.spaces.nasbench201 import NASBench201


def score(network: nn.Module, images: Tensor) -> float:
    return Probe(network, images).run([linear_regions]).values["linear_regions"]


def thresholds(*places: float) -> nn.Module:
    """Rectifiers whose inputs change their sign at these places of the real line."""
    network = nn.Linear(1, len(places))
    with torch.no_grad():
        network.weight.fill_(1)
        network.bias.copy_(-torch.tensor(places))
    return nn.Sequential(network, nn.ReLU())


class Tent(nn.Module):
    """A rectifier whose input rises from 0 at 0 to 1 at 1 and falls again, less .8; two more at 0 and 1."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.relu(torch.relu(images) - 2 * torch.relu(images - 1) - 0.8)


def test_a_segment_meets_one_region_more_than_boundaries() -> None:
    assert score(thresholds(0.5, 1.5, 10), torch.tensor([[0.0], [2.0]])) == 3


def test_segments_are_averaged() -> None:
    # From 0 to 2 there are two boundaries, from 1 to 3 one.
    assert score(thresholds(0.5, 1.5, 10), torch.tensor([[0.0], [1], [2], [3]])) == 2.5


def test_at_most_four_segments_between_the_first_eight_images() -> None:
    images = torch.cat([torch.zeros(4, 1), torch.ones(4, 1), torch.full((4, 1), 5.0)])
    assert score(thresholds(0.5, 1.5), images) == 2


def test_two_crossings_within_a_step_are_missed() -> None:
    start, end = torch.tensor([[-1.0]]), torch.tensor([[3.0]])
    # Boundaries at 0, .8, 1, 1.2; one step sees those at 0 and 1 alone.
    assert count_crossings(Tent(), start, end, 1) == 2
    assert count_crossings(Tent(), start, end, 2) == 4


def test_equals_a_loop_over_neurons_with_the_statistics_of_the_batch() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 2), nn.ReLU()).double()
    images = torch.randn(5, 2, 5, 5, dtype=torch.float64)
    first = network[0](images)
    mean, variance = first.mean((0, 2, 3)), first.movedim(1, 0).flatten(1).var(1)
    boundaries = 0
    for start, end in ((0, 2), (1, 3)):
        before: list[bool] = []
        for step in range(STEPS + 1):
            image = images[start] + (images[end] - images[start]) * step / STEPS
            inside = (network[0](image[None])[0] - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
            neurons = torch.cat([inside.flatten(), network[3](inside.relu()[None]).flatten()])
            now = [bool(value > 0) for value in neurons]
            boundaries += sum(a != b for a, b in zip(now, before or now, strict=True))
            before = now
    assert boundaries > 10
    assert score(network, images) == 1 + boundaries / 2


@pytest.mark.parametrize("tracked", [True, False])
def test_batch_normalisation_is_restored(tracked: bool) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, track_running_stats=tracked), nn.ReLU())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    score(network, torch.randn(4, 1, 3, 3))
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert (network[1].track_running_stats, network[1].momentum, network[1].training) == (tracked, 0.1, True)


def test_equal_images_and_networks_without_a_rectifier_meet_one_region() -> None:
    assert score(thresholds(0.5), torch.ones(4, 1)) == 1
    assert score(nn.Linear(1, 3), torch.tensor([[0.0], [2.0]])) == 1


def test_one_image_has_no_answer() -> None:
    assert math.isnan(score(thresholds(0.5), torch.ones(1, 1)))


def test_cells() -> None:
    space, images = NASBench201(), torch.randn(6, 3, 8, 8)
    zeros = build(space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"), channels=4, cells=1)
    convolutions = build(space.parse("|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"), channels=4, cells=1)
    assert score(zeros, images) == 1
    assert score(convolutions, images) > 100
