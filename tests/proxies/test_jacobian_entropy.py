"""The entropy of the Jacobian's spectrum: by hand, its range, and where it is undefined."""

from __future__ import annotations

import math

import pytest
import torch
from networks import batch, nasbench201
from torch import nn

import proxybench as pb
from proxybench.proxies.jacobian_entropy import spectral_entropy


def test_a_linear_network_by_hand() -> None:
    # The gradient of an image by the weight is the image itself: K = [[1, 0], [0, 4]], shares 0.2 and 0.8.
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False))
    images = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).view(2, 1, 1, 2)
    expected = -(0.2 * math.log(0.2) + 0.8 * math.log(0.8))
    assert pb.score(network, images, proxies=["jacobian_entropy"])["jacobian_entropy"] == pytest.approx(expected)


def test_between_one_direction_and_all() -> None:
    assert spectral_entropy(torch.ones(3, 3, dtype=torch.float64)) == pytest.approx(0, abs=1e-12)
    assert spectral_entropy(5 * torch.eye(4, dtype=torch.float64)) == pytest.approx(math.log(4))


def test_images_that_are_nearly_alike_have_a_lower_entropy() -> None:
    network, (images, _) = nasbench201(), batch()
    entropy = pb.score(network, images, proxies=["jacobian_entropy"])["jacobian_entropy"]
    assert 0 < entropy < math.log(8)
    alike = images[:1] + 1e-4 * images
    assert pb.score(network, alike, proxies=["jacobian_entropy"])["jacobian_entropy"] < entropy


def test_one_image_and_zero_gradients_have_no_answer() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False))
    alone = pb.score(network, torch.ones(1, 1, 1, 2), proxies=["jacobian_entropy"])
    assert alone.reasons == {"jacobian_entropy": "the spectrum of a Jacobian needs a batch of at least two images"}
    black = pb.score(network, torch.zeros(3, 1, 1, 2), proxies=["jacobian_entropy"])
    assert black.reasons == {"jacobian_entropy": "the logits do not depend on the weights"}
