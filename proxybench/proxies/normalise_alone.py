"""Normalisation of each image by its own statistics, for maps whose channels lie next to each other in memory.

torch's own normalisations by image need maps in the standard order. Here sums over positions are matrix products.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from proxybench.proxies.memory_order import over_positions


class NormaliseAlone(torch.autograd.Function):
    """Maps [n, c, h, w], normalised by channel and image, times a weight plus a bias [c], or 1 and 0 if None.

    Also returns the scales 1 / std, [n, 1, c], which cannot be differentiated. The gradients can be differentiated
    again with respect to the maps and the gradients that arrive.

    Attributes:
        mixes_nothing: tells `contractions.is_own` that the function does nothing that a layer would do.
    """

    mixes_nothing = True

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Any:
        values = _by_position(x)
        means = _average(values)
        centred = values - means
        scales = (_average(centred.square()) + eps).rsqrt()
        ctx.save_for_backward(x, weight, means, scales)
        ctx.has_bias = bias is not None
        shift = torch.zeros((), dtype=x.dtype) if bias is None else bias
        ctx.mark_non_differentiable(scales)
        return _as_map(torch.addcmul(shift, centred, scales if weight is None else scales * weight), x), scales

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Any) -> Any:
        x, weight, means, scales = ctx.saved_tensors
        found = _Backward.apply(gradient, x, None if weight is None else weight.detach(), means, scales)
        to_weight = to_bias = None
        if weight is not None and ctx.needs_input_grad[1]:
            to_weight = _products(gradient, x, means, scales)[1].sum((0, 1)) * x[0, 0].numel()
        if ctx.has_bias and ctx.needs_input_grad[2]:
            to_bias = gradient.sum((0, 2, 3))
        return found, to_weight, to_bias, None


class _Backward(torch.autograd.Function):
    """With z the normalised values, s their scale and w the weight, dx = w s (g - mean g - z mean gz)."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, x: Tensor, weight: Tensor | None, means: Tensor, scales: Tensor) -> Tensor:
        ctx.save_for_backward(gradient, x, weight, means, scales)
        return _first(gradient, x, weight, means, scales)

    @staticmethod
    def backward(ctx: Any, of_x: Tensor) -> Any:
        gradient, x, weight, means, scales = ctx.saved_tensors
        v, g, values = _by_position(of_x), _by_position(gradient), _by_position(x)
        (mean_v, mean_vz), (mean_g, mean_gz) = (_products(each, x, means, scales) for each in (of_x, gradient))
        both = _average(v * g) - mean_v * mean_g
        # -w s^2 [z (both - 3 mean vz mean gz) + mean gz (v - mean v) + mean vz (g - mean g)]
        scale = -scales.square() if weight is None else -weight * scales.square()
        by_x, by_v, by_g = scale * scales * (both - 3 * mean_vz * mean_gz), scale * mean_gz, scale * mean_vz
        to_x = torch.addcmul(-(by_x * means + by_v * mean_v + by_g * mean_g), values, by_x)
        to_x.addcmul_(v, by_v).addcmul_(g, by_g)
        return _first(of_x, x, weight, means, scales), _as_map(to_x, x), None, None, None


def _first(gradient: Tensor, x: Tensor, weight: Tensor | None, means: Tensor, scales: Tensor) -> Tensor:
    mean_g, mean_gz = _products(gradient, x, means, scales)
    factor = scales if weight is None else scales * weight
    by_x = -factor * scales * mean_gz
    found = torch.addcmul(-factor * mean_g - by_x * means, _by_position(gradient), factor)
    return _as_map(found.addcmul_(_by_position(x), by_x), x)


def _products(gradient: Tensor, x: Tensor, means: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    """The means over positions of a gradient, and of its product with the normalised values, [n, 1, c] each."""
    g = _by_position(gradient)
    mean = _average(g)
    return mean, scales * (_average(g * _by_position(x)) - means * mean)


def _by_position(maps: Tensor) -> Tensor:
    return over_positions(maps.contiguous(memory_format=torch.channels_last)).mT


def _average(values: Tensor) -> Tensor:
    """The mean over positions, [n, positions, c] to [n, 1, c]."""
    n, positions, _ = values.shape
    shares = torch.full((1, 1, positions), 1 / positions, dtype=values.dtype, device=values.device)
    return torch.bmm(shares.expand(n, -1, -1), values)


def _as_map(values: Tensor, like: Tensor) -> Tensor:
    return values.unflatten(1, like.shape[2:]).permute(0, 3, 1, 2)
