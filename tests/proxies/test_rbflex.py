"""RBFleX: kernels by hand, and a perceptron worked out with numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from networks import batch, nasbench201
from torch import nn

from proxybench.proxies import PROXIES
from proxybench.proxies.base import NoAnswer
from proxybench.proxies.probe import Probe
from proxybench.proxies.rbflex import WIDTH_OF_ACTIVATIONS, WIDTH_OF_LAST_INPUTS, log_kernel_determinant


def test_kernels_by_hand() -> None:
    # Two rows that differ in two columns, each scaled to 0 and 1: distance 2, determinant 1 - exp(-2 * 0.1 * 2).
    rows = torch.tensor([[5.0, 1.0, -3.0], [5.0, 9.0, -4.0]])
    assert log_kernel_determinant(rows, 0.1) == pytest.approx(math.log(1 - math.exp(-0.4)))


def test_equal_rows_have_none() -> None:
    for rows in (torch.ones(2, 3), torch.tensor([[0.0, 1.0], [0.0, 1.0], [2.0, 3.0]])):
        with pytest.raises(NoAnswer, match="the same activations"):
            log_kernel_determinant(rows, 0.1)


def test_a_small_width_adds_a_constant_to_every_score() -> None:
    one, other = torch.rand(3, 50), torch.rand(3, 80)
    differences = [
        log_kernel_determinant(one, width) - log_kernel_determinant(other, width) for width in (1e-6, 1e-8, 1e-10)
    ]
    assert differences == pytest.approx([differences[0]] * 3, abs=1e-3)


def test_a_perceptron_worked_out_with_numpy() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 2))
    network = network.double()
    images = torch.randn(5, 1, 2, 2, dtype=torch.float64)
    found = Probe(network, images).run([PROXIES["rbflex"]]).values["rbflex"]
    first = network[:3](images[:3]).detach().numpy()
    second = network[:5](images[:3]).detach().numpy()
    expected = 0.0
    for rows, width in ((np.hstack([first, second]), WIDTH_OF_ACTIVATIONS), (second, WIDTH_OF_LAST_INPUTS)):
        span = np.ptp(rows, axis=0)
        scaled = ((rows - rows.min(0)) / np.where(span == 0, 1, span))[:, span > 0]
        distances = ((scaled[:, None] - scaled[None]) ** 2).sum(2)
        expected += 3 * np.linalg.slogdet(np.exp(-width * distances))[1]
    assert found == pytest.approx(expected, rel=1e-4)


def test_two_images_are_enough_and_one_is_not() -> None:
    images, labels = batch()
    assert math.isfinite(Probe(nasbench201(), images[:2], labels[:2]).run([PROXIES["rbflex"]]).values["rbflex"])
    scores = Probe(nasbench201(), images[:1], labels[:1]).run([PROXIES["rbflex"]])
    assert scores.unanswered == {"rbflex": "the distance between images needs two of them"}
