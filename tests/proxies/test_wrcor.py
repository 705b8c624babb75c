"""WRCor: correlations between images worked out with numpy, layer by layer."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from networks import batch, nasbench201
from torch import Tensor, nn
from torch.nn import functional

import proxybench as pb
from proxybench.proxies.base import NoAnswer
from proxybench.proxies.responses import correlations_of
from proxybench.proxies.wrcor import log_determinant


def test_correlations_are_those_of_numpy() -> None:
    values = torch.randn(4, 3, 2, 2, dtype=torch.float64) + 5
    np.testing.assert_allclose(correlations_of(values), np.corrcoef(values.flatten(1).numpy()), rtol=1e-10)


@pytest.mark.parametrize("row", [[2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [1.0, math.nan, 2.0]])
def test_a_row_without_variance_leaves_its_rectifier_out(row: list[float]) -> None:
    assert correlations_of(torch.tensor([[1.0, 2.0, 4.0], row])) is None


def test_determinants_by_hand() -> None:
    assert log_determinant(torch.tensor([[4.0, 2.0], [2.0, 3.0]], dtype=torch.float64)) == pytest.approx(math.log(8))
    assert log_determinant(torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64)) == pytest.approx(math.log(3))
    with pytest.raises(NoAnswer, match="linearly dependent"):
        log_determinant(torch.ones((2, 2), dtype=torch.float64))


class Blocks(nn.Module):
    """A rectifier before, in and after two blocks."""

    blocks = ("first", "second")

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.last = nn.Conv2d(2, 3, 1), nn.Linear(3, 4)
        self.first = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())
        self.second = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 3, 1))

    def forward(self, images: Tensor) -> Tensor:
        maps = self.second(self.first(functional.relu(self.stem(images))))
        out: Tensor = self.last(maps.clamp(min=0).mean((2, 3)))
        return out


def test_later_blocks_weigh_more() -> None:
    torch.manual_seed(0)
    network = Blocks().double()
    images, labels = torch.randn(5, 2, 4, 4, dtype=torch.float64), torch.arange(5) % 4
    found = pb.score(network, images, labels, proxies=["wrcor"])["wrcor"]
    zero = network.stem(images)
    one = network.first[0](functional.relu(zero))
    two = functional.relu(one)
    three = network.second[1](functional.relu(two))
    loss = functional.cross_entropy(network.last(functional.relu(three).mean((2, 3))), labels)
    gradients = torch.autograd.grad(loss, [zero, one, two, three])
    total = np.zeros((5, 5))
    for depth, inputs, gradient in zip((0, 0, 1, 2), (zero, one, two, three), gradients, strict=True):
        for values in (inputs.detach(), gradient):
            total += 2**depth * np.abs(np.corrcoef(values.flatten(1).numpy()))
    assert found == pytest.approx(np.linalg.slogdet(total)[1], rel=1e-9)


def test_neither_the_order_of_images_nor_the_scale_of_the_loss_matters() -> None:
    images, labels = batch()
    expected = pb.score(nasbench201(), images, labels, proxies=["wrcor"])["wrcor"]
    order = torch.tensor([3, 1, 0, 7, 6, 2, 5, 4])
    assert pb.score(nasbench201(), images[order], labels[order], proxies=["wrcor"])["wrcor"] == pytest.approx(
        expected, rel=1e-4
    )

    def scaled(logits: Tensor, wanted: Tensor) -> Tensor:
        return 100 * functional.cross_entropy(logits, wanted)

    assert pb.score(nasbench201(), images, labels, proxies=["wrcor"], loss=scaled)["wrcor"] == pytest.approx(
        expected, rel=1e-4
    )


def test_other_proxies_of_the_pass_change_nothing() -> None:
    alone = pb.score(nasbench201(), *batch(), proxies=["wrcor"])["wrcor"]
    names = ["wrcor", "grasp", "jacov", "fisher", "nwot", "near"]
    assert pb.score(nasbench201(), *batch(), proxies=names)["wrcor"] == pytest.approx(alone, rel=1e-6)
