"""Networks of mbconv-micro: parameters worked out by hand."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch

from proxybench.networks import build
from proxybench.networks.counts import count_parameters
from proxybench.spaces.mbconv_micro import MBConvMicro


def block(c_in: int, c_out: int, kernel: int, expansion: int) -> int:
    wide = expansion * c_in
    return c_in * wide + 2 * wide + kernel**2 * wide + 2 * wide + wide * c_out + 2 * c_out


def test_parameters_are_those_of_the_blocks() -> None:
    network = build(MBConvMicro().parse("4032141"), 10, (3, 8, 8), channels=4, head_channels=16)
    expected = 3 * 9 * 4 + 2 * 4  # stem
    expected += block(4, 8, 3, 3) + block(8, 8, 5, 6) + block(8, 8, 5, 3) + block(8, 16, 3, 6) + block(16, 16, 3, 6)
    expected += 16 * 16 + 2 * 16 + 16 * 10 + 10  # last convolution, classifier
    assert count_parameters(network).total == expected


def test_strides_quarter_the_resolution() -> None:
    network = build(MBConvMicro().parse("4032141"), 10, (3, 8, 8), channels=4, head_channels=16)
    assert network.features(torch.randn(2, 3, 8, 8)).shape == (2, 16, 2, 2)
