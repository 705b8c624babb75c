"""Normalisation whose second derivatives consist of torch's fast kernels for first derivatives.

Second derivatives of torch's own normalisation take a dozen operations on whole maps. The formulas below are the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from proxybench.proxies.batch_norm import BatchNormCall

_batch_norm_backward = torch.ops.aten.native_batch_norm_backward


def normalised(call: BatchNormCall) -> Tensor | None:
    """The result of a batch normalisation, None if it is left to torch; the running statistics are updated."""
    given = [one for one in (call.inputs, call.weight, call.bias) if one is not None]
    if not call.training or call.inputs.dim() < 3 or not are_ordinary(*given):
        return None
    if call.inputs.numel() < 2 * call.inputs.shape[1] or call.inputs.numel() == 0:
        return None  # torch raises an error
    result: Tensor = _BatchNorm.apply(  # type: ignore[no-untyped-call]
        call.inputs, call.weight, call.bias, call.running_mean, call.running_var, call.momentum, call.eps
    )
    return result


def normalised_alone(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, images: int, channels: int, positions: int, groups: int,
    eps: float,
) -> Any:  # fmt: skip
    """The results of `torch.native_group_norm`, None if it is left to torch."""
    learned = [one for one in (weight, bias) if one is not None]
    if (
        groups != channels
        or positions < 2
        or any(one.requires_grad for one in learned)
        or not are_ordinary(input, *learned)
    ):
        return None
    return _ChannelNorm.apply(input, weight, bias, eps)  # type: ignore[no-untyped-call]


def are_ordinary(*tensors: Tensor) -> bool:
    """Whether all of them are ordinary tensors of the same type, float32 or float64, on the CPU."""
    first = tensors[0]
    return first.dtype in (torch.float32, torch.float64) and all(
        isinstance(one, Tensor) and one.dtype == first.dtype and one.device.type == "cpu" for one in tensors
    )


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor | None, variance: Tensor | None,
        momentum: float, eps: float,
    ) -> Tensor:  # fmt: skip
        result, means, scales = torch.native_batch_norm(x, weight, bias, mean, variance, True, momentum, eps)
        ctx.save_for_backward(x, weight, means, scales)
        ctx.eps = eps
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        found = _BatchNormBackward.apply(gradient, *ctx.saved_tensors, ctx.eps)  # type: ignore[no-untyped-call]
        return *found, None, None, None, None


class _ChannelNorm(torch.autograd.Function):
    """Each channel of each image normalised by its own statistics: a batch of one image that has all channels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Any:
        images, channels = x.shape[:2]
        sizes = (images, channels, x[0, 0].numel(), channels)
        result, means, scales = torch.native_group_norm(x, weight, bias, *sizes, eps)
        ctx.save_for_backward(x, weight, means, scales)
        ctx.mark_non_differentiable(means, scales)
        ctx.set_materialize_grads(False)
        ctx.eps = eps
        return result, means, scales

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, *_: None) -> Any:
        if gradient is None:
            return None, None, None, None
        x, weight, means, scales = ctx.saved_tensors
        joined = (1, x.shape[0] * x.shape[1], *x.shape[2:])
        repeated = None if weight is None else weight.repeat(len(x))
        to_x, *_ = _BatchNormBackward.apply(  # type: ignore[no-untyped-call]
            gradient.reshape(joined), x.reshape(joined), repeated, means.flatten(), scales.flatten(), ctx.eps
        )
        return to_x.reshape(x.shape), None, None, None


class _BatchNormBackward(torch.autograd.Function):
    """The derivatives dx = w s (g - mean g - z mean gz), dw = sum gz and, for the bias, sum g.

    Here z are the normalised values, s is their scale 1 / std, w the weight; sums and means are over the n values of a
    channel.
    """

    @staticmethod
    def forward(
        ctx: Any, gradient: Tensor, x: Tensor, weight: Tensor | None, means: Tensor, scales: Tensor, eps: float
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        to_x, to_weight, to_bias = _first(gradient, x, weight, means, scales, eps)
        ctx.save_for_backward(gradient, x, weight, means, scales, to_weight, to_bias)
        ctx.eps = eps
        ctx.set_materialize_grads(False)
        return (to_x, None, None) if weight is None else (to_x, to_weight, to_bias)

    @staticmethod
    def backward(ctx: Any, v: Tensor | None, of_weight: Tensor | None, of_bias: Tensor | None) -> Any:
        g, x, weight, means, scales, sum_gz, sum_g = ctx.saved_tensors
        shape = (1, -1, *[1] * (x.dim() - 2))
        to_g, to_x, to_weight = None, None, None
        if v is not None:
            n = x.numel() // x.shape[1]
            to_g, sum_vz, sum_v = _first(v, x, weight, means, scales, ctx.eps)
            # The sum of v (g - mean g), computed like the derivative by a weight where g is normalised with scale 1.
            both = _batch_norm_backward(
                v, g, None, None, None, sum_g / n, torch.ones_like(scales), True, ctx.eps, [False, True, False]
            )[1]
            # The sum of v dx is w s (both - sum vz sum gz / n), and the derivative of s by x is -s^2 z / n.
            scale = -scales.square() / n if weight is None else -weight * scales.square() / n
            of_x = scale * scales * (both - 3 * sum_vz * sum_gz / n)
            of_v, of_g = scale * sum_gz, scale * sum_vz
            constant = -(of_x * means + of_v * sum_v / n + of_g * sum_g / n)
            to_x = torch.addcmul(constant.view(shape), x, of_x.view(shape), out=torch.empty_like(x))
            to_x.addcmul_(v, of_v.view(shape)).addcmul_(g, of_g.view(shape))
            to_weight = None if weight is None else scales * (both - sum_vz * sum_gz / n)
        if of_weight is not None:
            to_g = sum_of(to_g, (x - means.view(shape)) * (scales * of_weight).view(shape))
            to_x = sum_of(to_x, _first(g, x, of_weight, means, scales, ctx.eps)[0])
        if of_bias is not None:
            to_g = sum_of(to_g, of_bias.view(shape).expand_as(g))
        return to_g, to_x, to_weight, None, None, None


def sum_of(one: Tensor | None, other: Tensor) -> Tensor:
    """The sum of two parts of a derivative, of which the first may be missing."""
    return other if one is None else one + other


def _first(
    gradient: Tensor, x: Tensor, weight: Tensor | None, means: Tensor, scales: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The derivatives with respect to the values, the weight and the bias of a batch normalisation."""
    found: tuple[Tensor, Tensor, Tensor] = _batch_norm_backward(
        gradient, x, weight, None, None, means, scales, True, eps, [True, True, True]
    )
    return found
