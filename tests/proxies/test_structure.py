"""Depth and connections of layers follow from how a network is built, not from the values that flow through it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from networks import batch
from torch import Tensor, nn
from torch.nn import functional

import proxybench as pb

IMAGES, LABELS = batch(4, (3, 8, 8))
COUNTS = ["depth", "convolutions"]


def counts(network: nn.Module) -> tuple[float, float]:
    found = pb.score(network, IMAGES, proxies=COUNTS)
    return found["depth"], found["convolutions"]


class Residual(nn.Module):
    """A stem, then blocks of an activation and a convolution parallel to the identity."""

    def __init__(self, blocks: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.convs = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(blocks))
        self.last = nn.Linear(4, 4)
        self.activation = activation

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        for conv in self.convs:
            x = x + conv(self.activation(x))
        return self.last(x.mean((2, 3)))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "relu6": functional.relu6,
    "hard sigmoid": functional.hardsigmoid,
    "hard tanh": lambda x: functional.hardtanh(x, 0, 1),
    "clamp": lambda x: x.clamp(-1, 1),
    "sigmoid": torch.sigmoid,
    "sigmoid in place": lambda x: x.clone().sigmoid_(),
    "tanh": torch.tanh,
    "softsign": functional.softsign,
    "sine": torch.sin,
    "hardshrink": lambda x: functional.softshrink(x, 0.5),
    "gaussian": lambda x: torch.exp(-x.square()),
    "gate": lambda x: x * (1 - torch.sigmoid(x)),
    "softmax": lambda x: x.softmax(1),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_functions_that_saturate_cut_nothing_off(name: str) -> None:
    torch.manual_seed(0)
    assert counts(Residual(60, ACTIVATIONS[name])) == (62, 61)


def test_four_hundred_convolutions_in_a_row() -> None:
    torch.manual_seed(0)
    convs = [nn.Conv2d(8, 8, 3, padding=1) for _ in range(400)]
    network = nn.Sequential(nn.Conv2d(3, 8, 1), *convs, nn.Flatten(), nn.Linear(512, 4))
    found = pb.score(network, IMAGES, proxies=[*COUNTS, "synflow", "logsynflow", "t_cet"])
    assert (found["depth"], found["convolutions"]) == (402, 401)
    assert found.reasons == {}
    assert all(math.isfinite(value) for value in found.values())


class Paths(nn.Module):
    """Four convolutions in parallel, which `join` puts together."""

    def __init__(self, join: Callable[..., Tensor]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 4, 3, padding=1) for _ in range(4))
        self.last = nn.Linear(4, 4)
        self.join = join

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.join(*(conv(images) for conv in self.convs)).mean((2, 3)))


JOINS: dict[str, tuple[Callable[..., Tensor], int]] = {
    "all": (lambda a, b, c, d: a + b - c * d, 4),
    "times zero": (lambda a, b, c, d: a + 0.0 * b + c * torch.zeros(4, 1, 1) + d, 2),
    "detached": (lambda a, b, c, d: a + b.detach() + c + d.detach(), 2),
    "not used": (lambda a, b, c, d: a + b, 2),
    "as a condition": (lambda a, b, c, d: torch.where(a > 0, b, c), 2),
    "compared": (lambda a, b, c, d: a * (b > c) + d, 2),
    "as a gate": (lambda a, b, c, d: a * torch.sigmoid(50 * b) + torch.softmax(c, 1) * d.tanh(), 4),
    "channels dropped": (lambda a, b, c, d: torch.cat([a, b, c, d], 1)[:, 4:8], 1),
    "channels mixed": (lambda a, b, c, d: torch.cat([a, b, c, d], 1).view(-1, 4, 4, 8, 8).mean(1), 4),
    "rounded": (lambda a, b, c, d: a.round() + b, 1),
    "rounded, straight through": (lambda a, b, c, d: a + (a.round() - a).detach(), 1),
}


@pytest.mark.parametrize("name", JOINS)
def test_convolutions_count_where_a_derivative_can_pass(name: str) -> None:
    join, connected = JOINS[name]
    assert counts(Paths(join)) == (2, connected)


class Decides(nn.Module):
    """Goes by values: bright images take the long way; and checks its values."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.last = nn.Linear(4, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images).relu()
        if images.mean() > 0:
            x = self.second(x).relu()
        x = x / x.std()
        assert torch.isfinite(x).all()
        return self.last(x.mean((2, 3)))


@pytest.mark.parametrize(("shift", "expected"), [(3.0, (3, 2)), (-3.0, (2, 1))])
def test_a_network_that_decides_by_values_goes_the_way_of_the_first_image(
    shift: float, expected: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    found = pb.score(Decides(), IMAGES + shift, proxies=COUNTS)
    assert (found["depth"], found["convolutions"]) == expected


class Experts(nn.Module):
    """Four linear layers, of which each image takes the two that it likes best."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.like = nn.Linear(8, 4)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)) for _ in range(4))
        self.last = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv(images).relu().mean((2, 3))
        shares, chosen = self.like(x).softmax(1).topk(2, dim=1)
        joined = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            for rank in range(2):
                mine = chosen[:, rank] == number
                if mine.any():
                    joined = joined.index_add(0, mine.nonzero().flatten(), expert(x[mine]) * shares[mine, rank, None])
        return self.last(joined)


def test_a_mixture_of_experts_has_the_depth_of_one() -> None:
    torch.manual_seed(0)
    assert counts(Experts()) == (4, 1)  # convolution, two layers of an expert, classifier


class Sorted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.conv(images).flatten(2).max(2).values.sort(1).values)


class GroupNormalised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.last = nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Linear(4, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.norm(self.conv(images))
        return self.last(functional.layer_norm(x, (6, 6)).clamp(0, 1).amax((2, 3)))


@pytest.mark.parametrize("build", [Sorted, GroupNormalised])
def test_choices_and_normalisation_keep_paths(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    assert counts(build()) == (2, 1)


class Rows(nn.Module):
    """A convolution whose six rows are a sequence."""

    def __init__(self, *cells: nn.RNNBase) -> None:
        super().__init__()
        self.conv, self.cells, self.last = nn.Conv2d(3, 4, 3), nn.ModuleList(cells), nn.Linear(5, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv(images).permute(0, 3, 1, 2).flatten(2)
        for cell in self.cells:
            x, _ = cell(x)
        return self.last(x[:, -1])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_each_step_of_a_recurrent_layer_is_a_layer_on_the_path(kind: Callable[..., nn.RNNBase]) -> None:
    # convolution, input, five steps from state to state (the first state is no image), classifier
    assert counts(Rows(kind(24, 5, batch_first=True))) == (8, 1)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_the_depth_of_recurrent_layers_on_one_another_is_not_known(kind: Callable[..., nn.RNNBase]) -> None:
    network = Rows(kind(24, 5, batch_first=True), kind(5, 5, batch_first=True))
    found = pb.score(network, IMAGES, proxies=COUNTS)
    assert math.isnan(found["depth"])
    assert found.reasons == {
        "depth": "the longest path through the network's operations is not a path through its values"
    }
    assert found["convolutions"] == 1


class Joined(nn.Module):
    """Joins the features of the images with what is made of a second weight."""

    def __init__(self, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(192, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.join = join

    def forward(self, images: Tensor) -> Tensor:
        made = self.second(torch.ones(4, 4))
        return self.last(self.join(self.first(images.flatten(1)), made).reshape(len(images), -1)[:, -4:])


WEIGHTS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], int]] = {
    "added": (lambda x, made: x + made[0], 2),
    "subtracted": (lambda x, made: made[0] - x, 2),
    "times": (lambda x, made: x * made[0], 2),
    "joined": (lambda x, made: torch.cat([x, made[:1].expand(len(x), -1)], 1).unflatten(1, (2, 4)).sum(1), 2),
    "chosen": (lambda x, made: torch.where(torch.arange(4) < 2, x, made[0]), 2),
    "largest": (lambda x, made: torch.maximum(x, made[0]), 2),
    "added to a product": (lambda x, made: torch.addmm(made[:1], x, torch.eye(4)), 2),
    "matrix product": (lambda x, made: x @ made, 3),
    "sum of products": (lambda x, made: (x[:, None] * made).sum(-1), 3),
    "mean of products": (lambda x, made: (made.T * x[..., None]).transpose(1, 2).mean(2), 3),
    "einsum": (lambda x, made: torch.einsum("ni,io->no", x, made), 3),
    "scaled, summed over something else": (lambda x, made: (x[:, None] * made[:1].expand(3, 4)).sum(1), 2),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_only_a_sum_of_products_with_a_weight_is_a_layer(name: str) -> None:
    join, depth = WEIGHTS[name]
    torch.manual_seed(0)
    assert counts(Joined(join)) == (depth, 0)


class Crossed(nn.Module):
    """Two halves: one goes through a layer before they are joined, the other one afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.before, self.after, self.last = (nn.Linear(size, 4) for size in (192, 4, 4, 4))

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images.flatten(1))
        left, right = torch.cat([self.before(x), x], 1).chunk(2, 1)
        return self.last(left + self.after(right))


def test_a_path_that_no_value_takes_is_not_counted() -> None:
    torch.manual_seed(0)
    assert math.isnan(counts(Crossed())[0])  # 3 through each half, 4 through the operations
