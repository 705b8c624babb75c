"""NASWOT against kernels worked out by hand and the published form of its definition."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import batch, nasbench201, odd
from torch import Tensor, nn

from proxybench.proxies import PROXIES
from proxybench.proxies.base import NoAnswer
from proxybench.proxies.nwot import log_determinant, sign_agreement
from proxybench.proxies.probe import Probe


def score(network: nn.Module, images: Tensor) -> float:
    return Probe(network, images).run([PROXIES["nwot"]]).values["nwot"]


def test_two_images_and_two_neurons_by_hand() -> None:
    # Signs (1, 0) and (1, 1): K = (2 1, 1 2), determinant 3.
    assert score(nn.ReLU(), torch.tensor([[1.0, -1.0], [2.0, 0.5]])) == pytest.approx(log(3), rel=1e-12)


def test_agreements_of_two_rectifiers_are_added_up() -> None:
    # The second rectifier sees the negative of the first one's output: (-1, 0) and (-2, -0.5), nothing positive.
    class Two(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.relu(-torch.relu(images))

    # K = (2 1, 1 2) + (2 2, 2 2) = (4 3, 3 4), determinant 7
    assert score(Two(), torch.tensor([[1.0, -1.0], [2.0, 0.5]])) == pytest.approx(log(7), rel=1e-12)


def test_zero_is_not_positive() -> None:
    # The signs are 0, 1 and 1, 1.
    assert score(nn.ReLU(), torch.tensor([[0.0, 1.0], [1.0, 1.0]])) == pytest.approx(log(3), rel=1e-12)


@settings(max_examples=50)
@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_kernel_is_the_number_of_agreements(images: int, neurons: int, seed: int) -> None:
    signs = np.random.default_rng(seed).random((images, neurons)) < 0.5
    kernel = sign_agreement([torch.from_numpy(signs)])
    expected = [[float((one == other).sum()) for other in signs] for one in signs]
    assert kernel.tolist() == expected


def test_a_network_agrees_with_the_published_form() -> None:
    # K = X X + (1 - X)(1 - X) summed over rectifiers, log |det| by LU
    network, images = nasbench201(), batch()[0]
    kernel = np.zeros((8, 8))

    def see(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        x = (inputs[0].detach().flatten(1) > 0).double().numpy()
        kernel[:] += x @ x.T + (1 - x) @ (1 - x).T

    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(see)
    expected_network = network.train()
    expected_network(images.contiguous(memory_format=torch.channels_last))  # the same rounding
    expected = np.linalg.slogdet(kernel)[1]
    assert score(nasbench201(), images) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["two equal images", "constant images", "no rectifier", "all none"])
def test_images_that_cannot_be_distinguished_have_no_answer(kind: str) -> None:
    network, images, _ = odd(kind)
    assert np.isnan(score(network, images))


def test_more_images_than_neurons_can_distinguish_have_no_answer() -> None:
    # 6 different sign vectors of 3 neurons: K = (S S' + 3) / 2 has rank 4 at most
    signs = torch.tensor([[n & 1, n & 2, n & 4] for n in range(6)]).bool()
    with pytest.raises(NoAnswer, match="linearly dependent"):
        log_determinant(sign_agreement([signs]))
