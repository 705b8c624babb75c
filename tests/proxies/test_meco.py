"""MeCo against hand-worked correlations and against the published procedure in numpy."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from proxybench.networks.nasbench201 import build
from proxybench.proxies.meco import meco, smallest_eigenvalue
from proxybench.proxies.probe import Probe
from proxybench.proxies.scores import Scores
from proxybench.spaces.nasbench201 import NASBench201

SIX_TENTHS = torch.tensor([[3.0, 1, -1, -3], [1, 3, -3, -1]])  # two channels with correlation .6
IMAGES = torch.zeros(2, 3, 8, 8)


class Constant(nn.Module):
    """The same feature map for every image."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.register_buffer("features", features)

    def forward(self, images: Tensor) -> Tensor:
        return self.features.expand(len(images), *self.features.shape)


def scores(network: nn.Module, images: Tensor = IMAGES, seed: int = 0) -> Scores:
    return Probe(network, images, seed=seed).run([meco])


def test_two_channels_have_one_less_their_correlation() -> None:
    assert smallest_eigenvalue(SIX_TENTHS.reshape(2, 2, 2)) == pytest.approx(0.4)
    assert smallest_eigenvalue(SIX_TENTHS * torch.tensor([[1], [-5]]) + 7) == pytest.approx(0.4)


def test_three_channels_with_equal_correlations_have_one_less_them() -> None:
    # Correlation 1/2 between any two: the matrix has eigenvalues 1/2, 1/2, 2.
    pairs = torch.tensor([[1.0, 1, 0, 0, -1, -1, 0, 0], [1, 0, 1, 0, -1, 0, -1, 0], [0, 1, 1, 0, 0, -1, -1, 0]])
    assert smallest_eigenvalue(pairs) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "features",
    [
        torch.tensor([[1.0, 2, 4], [0.1, 0.1, 0.1]]),
        torch.randn(4, 4),
        torch.ones(3, 1),
        torch.tensor([[1.0, 2, 4], [2, 4, 8]]),
    ],
    ids=["a constant channel", "as many channels as positions", "one position", "collinear channels"],
)
def test_singular_maps_count_0(features: Tensor) -> None:
    assert smallest_eigenvalue(features) == pytest.approx(0.0, abs=1e-12)


def test_a_map_counts_once_for_each_innermost_module() -> None:
    # Constant and Identity give the map, the container around them and the vector after Flatten do not count.
    network = nn.Sequential(nn.Sequential(Constant(SIX_TENTHS), nn.Identity()), nn.Flatten(), nn.Linear(8, 2))
    assert scores(network).values["meco"] == pytest.approx(0.8)


def test_equals_the_published_procedure_on_a_cell() -> None:
    torch.manual_seed(0)
    cell = NASBench201().parse("|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|")
    network = build(cell, channels=4, cells=1).double()
    probe = Probe(network, IMAGES.double())
    found = probe.run([meco]).values["meco"]
    maps: list[np.ndarray] = []
    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, inputs, output: maps.append(output.detach().numpy()[0]))
    network.train()(probe.noise("meco", 1).double())
    expected = 0.0
    for features in maps:
        if features.ndim > 1:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                correlations = np.nan_to_num(np.corrcoef(features.reshape(len(features), -1)), posinf=0, neginf=0)
            expected += np.linalg.eigvals(correlations).real.min()
    assert len(maps) > 20
    assert found == pytest.approx(expected, rel=1e-6)
    assert found > 1


def test_only_the_shape_of_the_batch_matters() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    assert scores(network, torch.randn(5, 3, 8, 8)).values == scores(network, torch.ones(1, 3, 8, 8)).values
    assert scores(network, seed=1).values != scores(network, seed=0).values


def test_a_network_without_feature_maps_has_no_answer() -> None:
    assert math.isnan(scores(nn.Sequential(nn.Flatten(), nn.Linear(192, 2))).values["meco"])


def test_a_map_that_is_not_finite_makes_the_score_nan() -> None:
    assert math.isnan(scores(Constant(torch.tensor([[1.0, 2, math.inf], [1, 3, 2]]))).values["meco"])


def test_a_map_of_one_pixel_has_no_answer_under_batch_normalisation() -> None:
    assert scores(nn.Sequential(nn.Conv2d(3, 2, 8), nn.BatchNorm2d(2))).unanswered["meco"]


def test_a_cell_of_zeros_has_the_eigenvalues_of_its_stem() -> None:
    network = build(NASBench201().parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"), channels=4, cells=1)
    stem = Probe(network, IMAGES).run([meco]).values["meco"]
    assert 0 < stem < 2  # convolution and normalisation of the stem
