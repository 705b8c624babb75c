"""Batch normalisation counts as such whether a module, a subclass or a function computes it."""

from __future__ import annotations

import pytest
import torch
from networks import batch
from torch import Tensor, nn
from torch.nn import functional

import proxybench as pb
from proxybench.proxies.batch_norm import BatchNormMode, RunningStatistics

IMAGES, LABELS = batch(16, (3, 10, 10))
NAMES = ["zen", "ntk_trace", "ntk_cond", "linear_regions", "snip", "synflow", "gradsign", "depth", "nwot", "zico"]


class Fused(nn.BatchNorm2d):
    """Normalisation and its activation as one module."""

    def forward(self, x: Tensor) -> Tensor:
        normalised = functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )
        return functional.leaky_relu(normalised, 0.1)


class Network(nn.Module):
    """Two normalised convolutions; `how` the normalisation is written changes nothing of what is computed."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.convs = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)])
        self.norms = nn.ModuleList()
        if how in ("module", "fused"):
            self.norms += [Fused(4) if how == "fused" else nn.BatchNorm2d(4) for _ in self.convs]
        self.register_buffer("means", torch.zeros(2, 4))
        self.register_buffer("variances", torch.ones(2, 4))
        self.last = nn.Linear(4, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = images
        for place, conv in enumerate(self.convs):
            x = conv(x)
            mean, variance = self.means[place], self.variances[place]
            if self.how == "fused":
                x = self.norms[place](x)
                continue
            if self.how == "module":
                x = self.norms[place](x)
            elif self.how == "function":
                x = functional.batch_norm(x, mean, variance, training=self.training)
            elif self.how == "function without statistics":
                x = functional.batch_norm(x, None, None, training=True)
            else:
                x = torch.batch_norm(x, None, None, mean, variance, self.training, 0.1, 1e-5, False)
            x = functional.leaky_relu(x, 0.1)
        return self.last(x.mean((2, 3)))


def scores(how: str) -> dict[str, float]:
    torch.manual_seed(0)
    return pb.score(Network(how), IMAGES, LABELS % 10, proxies=NAMES)


@pytest.mark.parametrize("how", ["fused", "function", "function without statistics", "function of torch"])
def test_a_normalisation_counts_whoever_computes_it(how: str) -> None:
    assert scores(how) == pytest.approx(scores("module"), rel=1e-4)


def test_other_arguments_of_a_call_are_kept() -> None:
    calls = []

    def see(call):
        calls.append(call)
        return call.compute()

    x, weight = torch.randn(4, 3), torch.full((3,), 2.0)
    expected = functional.batch_norm(x, None, None, weight, training=True, eps=0.5)
    with BatchNormMode(see):
        assert torch.equal(functional.batch_norm(x, None, None, weight=weight, training=True, eps=0.5), expected)
        torch.batch_norm(x, weight, None, None, None, True, 0.3, 0.5, False)
    assert [(call.weight is weight, call.training, call.momentum, call.eps) for call in calls] == [
        (True, True, 0.1, 0.5),
        (True, True, 0.3, 0.5),
    ]


def test_statistics_of_a_function_by_hand() -> None:
    # Values 0 and 2 in one channel: mean 1, unbiased variance 2; with momentum 1 nothing of the start is left.
    x = torch.tensor([[0.0], [2.0]])
    statistics = RunningStatistics(nn.Identity(), momentum=1.0, like=x)
    with statistics.tracked():
        functional.batch_norm(x, None, None, training=True)
    assert [variance.tolist() for variance in statistics.variances] == [[2.0]]
    with statistics.fixed():
        fixed = functional.batch_norm(torch.tensor([[3.0]]), None, None, training=True, eps=0.0)
    assert fixed.item() == pytest.approx(2 / 2**0.5)


def test_normalisation_that_is_fixed_in_the_network_stays_as_it_is() -> None:
    x = torch.tensor([[0.0], [2.0]])
    mean, variance = torch.tensor([1.0]), torch.tensor([4.0])
    statistics = RunningStatistics(nn.Identity(), momentum=1.0, like=x)
    with statistics.tracked():
        found = functional.batch_norm(x, mean, variance, training=False, eps=0.0)
    assert found.flatten().tolist() == [-0.5, 0.5]
    assert statistics.variances == []
