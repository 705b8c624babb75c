"""Rectifiers are seen by what is computed, however it is written, once and before they overwrite their input."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from networks import batch
from torch import Tensor, nn
from torch.nn import functional

import proxybench as pb
from proxybench.proxies.rectifiers import rectifier_inputs


def scripted(module: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls it deprecated
        return torch.jit.script(module)


RECTIFIERS: dict[str, Callable[[Tensor], Tensor]] = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "function": functional.relu,
    "function in place": lambda x: functional.relu(x, inplace=True),
    "underscore": functional.relu_,
    "torch": torch.relu,
    "torch in place": torch.relu_,
    "method": Tensor.relu,
    "method in place": Tensor.relu_,
    "relu6": nn.ReLU6(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "hardswish": nn.Hardswish(),
    "mish in place": nn.Mish(inplace=True),
    "leaky": nn.LeakyReLU(),
    "leaky_relu_": functional.leaky_relu_,
    "elu": nn.ELU(),
    "elu_": functional.elu_,
    "selu_": functional.selu_,
    "torch.selu_": torch.selu_,
    "celu_": functional.celu_,
    "torch.celu": torch.celu,
    "hardtanh_": lambda x: functional.hardtanh_(x, 0, 6),
    "randomised": nn.RReLU(),
    "rrelu_": functional.rrelu_,
    "prelu": nn.PReLU(),
    "torch.prelu": lambda x: torch.prelu(x, torch.tensor([0.1])),
    "softplus": nn.Softplus(),
    "threshold": lambda x: functional.threshold(x, 0, 0),
    "threshold module": nn.Threshold(0.0, 0.0, inplace=True),
    "threshold_": lambda x: functional.threshold_(x, 0.0, 0.0),
    "clamp": lambda x: x.clamp(min=0),
    "clamp by position": lambda x: torch.clamp(x, 0),
    "clamp_": lambda x: x.clamp_(min=0),
    "clamp at both ends": lambda x: x.clamp(0, 6),
    "clamp around zero": lambda x: x.clamp(-1, 1),
    "clamp_min": lambda x: x.clamp_min(0),
    "clip": lambda x: torch.clip(x, min=0),
    "clamp at a tensor": lambda x: x.clamp(min=torch.zeros(())),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "maximum from the left": lambda x: torch.maximum(torch.zeros_like(x), x),
    "max of two": lambda x: torch.max(x, torch.zeros_like(x)),
    "where": lambda x: torch.where(x > 0, x, 0.1 * x),
    "method where": lambda x: x.where(x >= 0, torch.zeros(())),
    "mask": lambda x: x * (x > 0),
    "scripted": scripted(nn.ReLU()),
    "scripted leaky": scripted(nn.LeakyReLU()),
}
OTHERS: dict[str, Callable[[Tensor], object]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: x.softmax(0),
    "a guard against zero": lambda x: x.clamp(min=1e-6),
    "a bound from above": lambda x: x.clamp(max=1),
    "a bound elsewhere": lambda x: x.clamp(1, 2),
    "normalisation": lambda x: functional.normalize(x, dim=0),
    "larger of two": lambda x: torch.maximum(x, torch.ones(2)),
    "largest": lambda x: x.max(),
    "square": lambda x: x * x,
    "another comparison": lambda x: torch.where(x > 1, x, 0.0),
    "a mask of another tensor": lambda x: (x + 1) * (x > 0),
    "whole numbers": lambda x: torch.arange(3).clamp(min=0),
}


class Holder(nn.Module):
    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(x)


def seen_by(function: Callable[[Tensor], object]) -> list[list[float]]:
    seen: list[list[float]] = []
    network = Holder(function)
    with rectifier_inputs(lambda inputs: seen.append(inputs.tolist()), network):
        network(torch.tensor([-1.0, 2.0]))
    return seen


@pytest.mark.parametrize("name", RECTIFIERS)
def test_the_input_of_every_rectifier_is_seen_once_before_it_is_overwritten(name: str) -> None:
    assert seen_by(RECTIFIERS[name]) == [[-1.0, 2.0]]


@pytest.mark.parametrize("name", OTHERS)
def test_other_functions_are_no_rectifiers(name: str) -> None:
    assert seen_by(OTHERS[name]) == []


def test_a_threshold_elsewhere_is_seen_from_there() -> None:
    # Above 3 or not: signs of x - 3.
    assert seen_by(lambda x: functional.threshold(x, 3.0, 0.0)) == [[-4.0, -1.0]]


class Mixed(nn.Module):
    """A rectifier that is always seen, then another."""

    def __init__(self, second: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.middle = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)
        self.last = nn.Linear(8, 4)
        self.second = second

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.second(self.middle(functional.relu(self.first(images)))).mean((2, 3)))


@pytest.mark.parametrize("name", sorted(set(RECTIFIERS) - {"module in place", "randomised", "rrelu_"}))
def test_proxies_of_activation_patterns_count_every_rectifier(name: str) -> None:
    images, labels = batch(16, (3, 10, 10))
    found = []
    for second in (functional.relu, RECTIFIERS[name]):
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about scripted modules
            found.append(pb.score(Mixed(second), images, labels, proxies=["nwot", "swap"]))
    # signs of the inputs are those of a ReLU, which has the same inputs
    assert found[1] == pytest.approx(found[0], rel=1e-6)
