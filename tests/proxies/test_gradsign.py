"""GradSign against hand-worked signs and against a loop over images, each a batch of its own."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from proxybench.networks.nasbench201 import build
from proxybench.proxies import per_image
from proxybench.proxies.gradsign import gradsign, signs_together
from proxybench.proxies.probe import Probe
from proxybench.proxies.scores import Scores
from proxybench.spaces.nasbench201 import NASBench201


def weighted(logits: Tensor, labels: Tensor) -> Tensor:
    """A loss whose gradient with respect to the weight of a linear layer is the mean of label times input."""
    return (logits[:, 0] * labels).mean()


def linear_score(images: list[list[float]], labels: list[float]) -> Scores:
    network = nn.Linear(len(images[0]), 1, bias=False)
    return Probe(network, torch.tensor(images), torch.tensor(labels), loss=weighted).run([gradsign])


def head(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3)]


class Again(nn.Module):
    """The same convolution twice, then another whose output is overwritten in place if requested."""

    def __init__(self, overwrite: bool) -> None:
        super().__init__()
        self.conv, self.last, self.fc = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 4, 1), nn.Linear(4, 3)
        self.overwrite = overwrite

    def forward(self, images: Tensor) -> Tensor:
        features = self.last(self.conv(self.conv(images).relu()))
        if self.overwrite:
            features += 1
        return self.fc(features.mean((2, 3)))


class Shifted(nn.Conv2d):
    """A convolution that does something to its input first."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images + 1)


def tied() -> nn.Module:
    network = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 1), *head(2))
    network[2].weight = network[0].weight
    return network


class Tokens(nn.Module):
    """Positions as tokens through attention and a linear layer of three dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
        self.linear, self.fc = nn.Linear(2, 4), nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.flatten(2).transpose(1, 2)
        return self.fc(self.linear(self.attention(tokens, tokens, tokens)[0]).mean(1))


TOGETHER: dict[str, Callable[[], nn.Module]] = {
    "batch normalisation": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), *head(4)),
    "without affine": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4, affine=False, track_running_stats=False), nn.ReLU(), *head(4)
    ),
    "stride, dilation, groups": lambda: nn.Sequential(
        nn.Conv2d(2, 6, (3, 2), (2, 1), (1, 2), groups=2), nn.ReLU(), nn.Conv2d(6, 6, 2, dilation=2, groups=6), *head(6)
    ),
    "in place": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1), *head(4)),
    "called twice": lambda: Again(overwrite=False),
    "cell": lambda: build(
        NASBench201().parse("|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"),
        3, (2, 8, 8), channels=4, cells=1,
    ),
}  # fmt: skip
ONE_BY_ONE: dict[str, Callable[[], nn.Module]] = {
    "attention": Tokens,
    "one-dimensional": lambda: nn.Sequential(
        nn.Flatten(2), nn.Conv1d(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3)
    ),
    "padding": lambda: nn.Sequential(nn.Conv2d(2, 4, 3, padding="same", padding_mode="reflect"), nn.ReLU(), *head(4)),
    "overwritten": lambda: Again(overwrite=True),
    "own forward": lambda: nn.Sequential(Shifted(2, 4, 3), nn.ReLU(), *head(4)),
    "tied": tied,
}  # fmt: skip


def by_definition(network: nn.Module, images: Tensor, labels: Tensor) -> list[float]:
    layers: list[list[np.ndarray]] = []
    weights = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    for place in range(len(images)):
        network.zero_grad()
        nn.functional.cross_entropy(network.train()(images[place : place + 1]), labels[place : place + 1]).backward()
        layers.append([np.sign(weight.grad.numpy().ravel()) for weight in weights])
    network.zero_grad()
    return [float(np.abs(np.sum(of_layer, axis=0)).sum()) for of_layer in zip(*layers, strict=True)]


def test_signs_cancel() -> None:
    assert linear_score([[1], [5], [1]], [1, 1, -9]).values["gradsign"] == 1


def test_magnitudes_do_not_matter_and_zeros_have_no_sign() -> None:
    # First weight: +, +, +; second: 0, -, -; third: +, -, 0.
    assert linear_score([[1, 0, 3], [7, -1, -2], [0.1, -4, 0]], [1, 1, 1]).values["gradsign"] == 3 + 2 + 0


@pytest.mark.parametrize("name", [*TOGETHER, *ONE_BY_ONE])
def test_equals_a_loop_over_images(name: str) -> None:
    torch.manual_seed(0)
    network = {**TOGETHER, **ONE_BY_ONE}[name]().double()
    images = torch.randn(5, 2, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 1])
    expected = by_definition(network, images, labels)
    probe = Probe(network, images, labels)
    assert gradsign(probe).tolist() == expected
    with probe.borrowed() as lent:
        assert (signs_together(probe, lent) is None) == (name in ONE_BY_ONE)


def test_chunks_of_images_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = TOGETHER["called twice"]()
    probe = Probe(network, torch.randn(5, 2, 8, 8), torch.tensor([0, 1, 2, 0, 1]))
    whole = gradsign(probe)
    monkeypatch.setattr(per_image, "CHUNK", 72)  # two images of the first layer's 36 weights
    assert torch.equal(gradsign(probe), whole)


def test_one_image_gives_each_weight_it_reaches_1() -> None:
    assert linear_score([[2, -3, 0]], [1]).values["gradsign"] == 2


def test_running_statistics_and_gradients_are_left_alone() -> None:
    network = TOGETHER["batch normalisation"]()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    Probe(network, torch.randn(3, 2, 8, 8), torch.tensor([0, 1, 2])).run([gradsign])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_cell_of_zeros_scores_0() -> None:
    network = build(NASBench201().parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"), channels=4, cells=1)
    found = Probe(network, torch.randn(3, 3, 8, 8), torch.tensor([0, 1, 2])).run([gradsign])
    assert found.values == {"gradsign": 0.0}


@pytest.mark.parametrize("last", [nn.BatchNorm2d(4), nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4))], ids=["2d", "1d"])
def test_normalisation_of_single_values_has_no_answer(last: nn.Module) -> None:
    network = nn.Sequential(nn.Conv2d(2, 4, 8), last, nn.Flatten(), nn.Linear(4, 3))
    found = Probe(network, torch.randn(3, 2, 8, 8), torch.tensor([0, 1, 2])).run([gradsign])
    assert found.unanswered == {"gradsign": "normalisation over a single value"}


@pytest.mark.parametrize("sign", [1, -1])
def test_a_variance_that_overflows_has_no_answer(sign: int) -> None:
    network = nn.Sequential(nn.BatchNorm2d(2), *head(2))
    images = torch.zeros(3, 2, 8, 8)
    images[0, 0, 0, 0] = sign * 1e20
    found = Probe(network, images, torch.tensor([0, 1, 2])).run([gradsign])
    assert found.unanswered == {"gradsign": "the variance of a batch normalisation is not finite"}


def test_a_gradient_that_is_not_finite_makes_the_score_nan() -> None:
    assert math.isnan(linear_score([[1, math.inf], [3, 1]], [1, 1]).values["gradsign"])
