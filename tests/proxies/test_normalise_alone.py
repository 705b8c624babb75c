"""Normalisation by image with channels together in memory: torch's results and derivatives of both orders."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from proxybench.proxies.normalise_alone import NormaliseAlone


def maps(offset: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 2, 4, 3, generator=generator, dtype=torch.float64) + offset
    return values.contiguous(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize("affine", [True, False])
def test_results_and_derivatives(affine: bool) -> None:
    weight, bias = (torch.tensor([2.0, -3.0], dtype=torch.float64, requires_grad=True) if affine else None,) * 2

    def normalised(x: Tensor) -> Tensor:
        result: Tensor = NormaliseAlone.apply(x, weight, bias, 1e-5)[0]
        return result

    images = maps(offset=5.0)
    expected = functional.instance_norm(images, weight=weight, bias=bias)
    torch.testing.assert_close(normalised(images), expected, rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradcheck(normalised, [images])
    assert torch.autograd.gradgradcheck(normalised, [images])


def test_derivatives_by_weight_and_bias() -> None:
    weight, bias = (torch.rand(2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda w, b: NormaliseAlone.apply(maps(), w, b, 1e-5)[0], [weight, bias])


def test_an_overflowing_variance_has_scale_0() -> None:
    huge = (maps().float() * 1e30).contiguous(memory_format=torch.channels_last)
    assert (NormaliseAlone.apply(huge, None, None, 1e-5)[1] == 0).all()
