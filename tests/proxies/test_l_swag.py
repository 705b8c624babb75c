"""L-SWAG against hand-worked gradients and patterns, and an independent definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from proxybench.networks import build
from proxybench.proxies.l_swag import distinct_patterns, l_swag, summed_inverse_deviation
from proxybench.proxies.probe import Probe
from proxybench.proxies.scores import Scores
from proxybench.spaces.nasbench201 import NASBench201

IMAGES = torch.sin(torch.arange(6 * 2 * 4 * 4.0, dtype=torch.float64) ** 1.5).reshape(6, 2, 4, 4)
LABELS = torch.tensor([0, 1, 2, 1, 1, 0])


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 2), nn.GELU(), nn.Flatten(), nn.Linear(4, 3)
    ).double()


def run(network: nn.Module, images: Tensor = IMAGES, labels: Tensor = LABELS) -> Scores:
    return Probe(network, images, labels).run([l_swag])


def test_the_deviation_is_of_magnitudes_over_batches() -> None:
    # magnitudes 1 and 3, 5 and 1: deviations 1 and 2; 3 and 3 does not vary
    samples = torch.tensor([[[1.0, 5.0], [3.0, -3.0]], [[-3.0, 1.0], [3.0, 3.0]]])
    assert summed_inverse_deviation(samples).item() == pytest.approx(1 + 1 / 2, rel=1e-12)


def test_a_layer_whose_gradients_do_not_vary_counts_nothing() -> None:
    assert summed_inverse_deviation(torch.ones(2, 3, 3)) == 0


def test_patterns_of_all_rectifiers_count_once() -> None:
    first = torch.tensor([[True, True, False], [False, False, False]])  # neurons 10, 10, 00
    second = torch.tensor([[True, False], [True, False]])  # neurons 11, 00
    assert distinct_patterns([first, second]) == 3


@pytest.mark.parametrize("images", [1, 8, 31, 32, 33, 64, 100])
def test_patterns_over_any_number_of_images(images: int) -> None:
    few = torch.from_numpy(np.random.default_rng(images).random((images, 40)) < 0.5)
    signs = [few, few[:, :7], ~few]
    expected = {tuple(neuron.tolist()) for positive in signs for neuron in positive.T}
    assert distinct_patterns(signs) == len(expected)


def test_the_layers_agree_with_an_independent_definition() -> None:
    net = network().train()
    halves: list[list[np.ndarray]] = []
    for images, labels in ((IMAGES[:3], LABELS[:3]), (IMAGES[3:], LABELS[3:])):
        net.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        halves.append([np.abs(net[place].weight.grad.numpy()) for place in (0, 3, 6)])
    logs = [np.log(np.sum(1 / np.std([a, b], axis=0))) for a, b in zip(*halves, strict=True)]
    hidden = net[:3](IMAGES)
    columns = [hidden.flatten(1) > 0, net[3:5](hidden).flatten(1) > 0]
    patterns = len(np.unique(torch.cat(columns, 1).numpy(), axis=1).T)
    scores = run(network())
    np.testing.assert_allclose(scores.nodes["l_swag"], np.array(logs) * patterns, rtol=1e-8)
    assert scores.values["l_swag"] == pytest.approx(sum(logs) * patterns, rel=1e-8)


def test_batches_of_one_image_need_no_normalisation_over_a_single_value() -> None:
    assert math.isnan(run(network(), IMAGES[:1], LABELS[:1]).values["l_swag"])
    assert np.isfinite(run(network(), IMAGES[:2], LABELS[:2]).values["l_swag"])
    assert np.isfinite(run(network(), IMAGES[:5], LABELS[:5]).values["l_swag"])


def test_halves_that_agree_in_all_gradients_have_no_answer() -> None:
    labels = torch.zeros(6, dtype=torch.long)
    scores = run(network(), torch.ones_like(IMAGES), labels)
    assert math.isnan(scores.values["l_swag"])
    assert scores.unanswered["l_swag"] == "no gradient differs between the halves of the batch"


def test_gradients_that_are_not_numbers_reach_the_score() -> None:
    assert math.isnan(run(network(), IMAGES * 1e308).values["l_swag"])


def test_a_network_without_rectifier_has_no_answer() -> None:
    scores = run(nn.Sequential(nn.Flatten(), nn.Linear(32, 3)).double())
    assert math.isnan(scores.values["l_swag"])
    assert scores.unanswered["l_swag"] == "the network has no rectifier"


def test_layers_that_do_not_reach_the_loss_add_nothing() -> None:
    cell = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|none~2|"
    net = build(NASBench201().parse(cell), 3, (2, 4, 4), channels=4, cells=1).double()
    nodes = dict(zip(net.operations, run(net).nodes["l_swag"], strict=True))
    assert nodes["cells.0.edges.0"] == nodes["cells.0.edges.2"] == 0
    assert nodes["stem"] > 0


def test_a_disconnected_network_has_no_answer() -> None:
    cell = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    net = build(NASBench201().parse(cell), 3, (2, 4, 4), channels=4, cells=1).double()
    assert math.isnan(run(net).values["l_swag"])
