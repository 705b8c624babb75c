"""NEAR: effective ranks by hand, and a small network worked out with numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from networks import batch, nasbench201
from torch import Tensor, nn

from proxybench.proxies import PROXIES
from proxybench.proxies.activation_rows import module_outputs, window_of_rows
from proxybench.proxies.near import effective_ranks
from proxybench.proxies.probe import Probe


def test_effective_ranks_by_hand() -> None:
    # Singular values 3 and 1: shares 3/4 and 1/4.
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    matrices = [torch.eye(3), torch.ones(3, 3), torch.diag(torch.tensor([3.0, -1.0])), torch.zeros(2, 2)]
    assert effective_ranks(matrices) == pytest.approx([3, 1, math.exp(entropy), 0], abs=1e-5)


def test_only_the_matrix_with_nan_has_none() -> None:
    ranks = effective_ranks([torch.full((2, 2), math.nan), torch.eye(2)])
    assert math.isnan(ranks[0])
    assert ranks[1] == pytest.approx(2)


def test_a_window_holds_consecutive_positions_of_the_map() -> None:
    # Two images, 3 channels, 2 x 4 positions; an entry says image, position and channel.
    numbers = torch.arange(16)[:, None] * 10 + torch.arange(3)
    maps = numbers.view(2, 2, 4, 3).permute(0, 3, 1, 2).float()
    starts = set()
    for seed in range(40):
        window = window_of_rows(maps, 1, torch.Generator().manual_seed(seed))
        assert torch.equal(window[:, 1] - window[:, 0], torch.ones(3))
        positions = window[:, 0] / 10
        assert torch.equal(positions.diff(), torch.ones(2))
        starts.add(int(positions[0]))
    assert starts == {0, 4, 8, 12}  # beginnings of rows of the map


def test_all_rows_count_if_there_are_no_more_than_channels() -> None:
    outputs = torch.randn(3, 5)
    assert torch.equal(window_of_rows(outputs, 1, torch.Generator()), outputs)


def test_a_perceptron_worked_out_with_numpy() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 4)).double()
    images = torch.randn(3, 1, 2, 2, dtype=torch.float64)
    hidden = network[1](images.flatten(1)).detach().numpy()
    expected = 0.0
    for matrix in (hidden, np.maximum(hidden, 0), network(images).detach().numpy()):
        shares = np.linalg.svd(matrix, compute_uv=False)
        shares = shares / shares.sum()
        expected += math.exp(-(shares * np.log(shares)).sum())
    found = Probe(network, images).run([PROXIES["near"]])
    assert found.values["near"] == pytest.approx(expected, rel=1e-6)


def test_the_scale_of_the_logits_does_not_matter() -> None:
    network, (images, labels) = nasbench201(), batch()
    expected = Probe(network, images, labels).run([PROXIES["near"]]).values["near"]
    with torch.no_grad():
        network.classifier.weight.mul_(100)
        network.classifier.bias.mul_(100)
    assert Probe(network, images, labels).run([PROXIES["near"]]).values["near"] == pytest.approx(expected, rel=1e-5)


def test_an_activation_has_the_channels_of_what_it_activates() -> None:
    class ChannelsLast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix, self.rectify = nn.Linear(3, 3), nn.ReLU()

        def forward(self, maps: Tensor) -> Tensor:
            out: Tensor = self.rectify(self.mix(maps.movedim(1, -1)))
            return out.movedim(-1, 1)

    network = nn.Sequential(nn.Conv2d(3, 3, 1), ChannelsLast(), nn.ReLU())
    axes: dict[str, int] = {}
    with module_outputs(network, lambda name, output, axis: axes.update({name: axis})):
        network(torch.randn(2, 3, 4, 5))
    assert axes == {"0": 1, "1.mix": 3, "1.rectify": 3, "2": 1}
