"""Frequent layers whose second derivatives consist of torch's fast kernels for first derivatives.

torch differentiates the backward pass of a convolution by convolving with feature maps as kernels, that of a batch
normalisation by a dozen operations on whole maps, and adds zeros for those of rectifiers and pooling. The formulas
below are the same and take less time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from proxybench.proxies.batch_norm import BatchNormCall, batch_norm_call

_convolution_backward = torch.ops.aten.convolution_backward
_batch_norm_backward = torch.ops.aten.native_batch_norm_backward


class FastSecondDerivatives(TorchFunctionMode):
    """Replaces 2-D convolutions, batch normalisation by batch statistics, ReLU and average pooling while active.

    Their results are those of torch, bit for bit.
    """

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        replaced = _replaced(func, args, kwargs or {})
        return func(*args, **(kwargs or {})) if replaced is None else replaced


def _replaced(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """The result of a function that is replaced, otherwise None."""
    if func is torch.conv2d:
        return _convolution(*args, **kwargs)
    if func is functional.relu or func is torch.relu or func is Tensor.relu:
        return _rectified(*args, **kwargs)
    if func is functional.avg_pool2d:
        return _pooled(*args, **kwargs)
    call = batch_norm_call(func, args, kwargs)
    return None if call is None else normalised(call)


def _rectified(input: Tensor, inplace: bool = False) -> Tensor | None:
    if inplace or not _real(input):
        return None
    result: Tensor = _ReLU.apply(input)  # type: ignore[no-untyped-call]
    return result


def _pooled(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor | None:  # fmt: skip
    if input.dim() != 4 or not _real(input):
        return None
    kernel, step, pad = (_pair(size) for size in (kernel_size, kernel_size if stride is None else stride, padding))
    settings = (kernel, step, pad, ceil_mode, count_include_pad, divisor_override)
    result: Tensor = _AveragePool.apply(input, settings)  # type: ignore[no-untyped-call]
    return result


def _pair(size: Any) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size) * (2 if len(size) == 1 else 1)


def _convolution(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor | None:  # fmt: skip
    if bias is not None or isinstance(padding, str) or input.dim() != 4 or not _real(input, weight):
        return None
    sizes = [_pair(size) for size in (stride, padding, dilation)]
    result: Tensor = _Convolution.apply(input, weight, (*sizes, False, [0, 0], groups))  # type: ignore[no-untyped-call]
    return result


def normalised(call: BatchNormCall) -> Tensor | None:
    """The result of a batch normalisation, None if it is left to torch; the running statistics are updated."""
    given = [one for one in (call.inputs, call.weight, call.bias) if one is not None]
    if not call.training or call.inputs.dim() < 3 or not _real(*given):
        return None
    if call.inputs.numel() < 2 * call.inputs.shape[1] or call.inputs.numel() == 0:
        return None  # torch raises an error
    result: Tensor = _BatchNorm.apply(  # type: ignore[no-untyped-call]
        call.inputs, call.weight, call.bias, call.running_mean, call.running_var, call.momentum, call.eps
    )
    return result


def _real(*tensors: Tensor) -> bool:
    """Whether all of them are ordinary tensors of the same type, float32 or float64, on the CPU."""
    first = tensors[0]
    return first.dtype in (torch.float32, torch.float64) and all(
        isinstance(one, Tensor) and one.dtype == first.dtype and one.device.type == "cpu" for one in tensors
    )


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, settings: tuple[Any, ...]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.settings = settings
        result: Tensor = torch.convolution(x, weight, None, *settings)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return *_ConvolutionBackward.apply(gradient, x, weight, ctx.settings, ctx.needs_input_grad[:2]), None  # type: ignore[no-untyped-call]


class _ConvolutionBackward(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, gradient: Tensor, x: Tensor, weight: Tensor, settings: tuple[Any, ...], needed: tuple[bool, bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        ctx.save_for_backward(gradient, x, weight)
        ctx.settings = settings
        ctx.set_materialize_grads(False)
        to_x, to_weight, _ = _convolution_backward(gradient, x, weight, None, *settings, [*needed, False])
        return to_x, to_weight

    @staticmethod
    def backward(ctx: Any, of_x: Tensor | None, of_weight: Tensor | None) -> Any:
        gradient, x, weight = ctx.saved_tensors
        to_gradient, to_x, to_weight = ctx.needs_input_grad[:3]
        found: list[Tensor | None] = [None, None, None]
        if to_gradient and of_x is not None:
            found[0] = torch.convolution(of_x, weight, None, *ctx.settings)
        if to_gradient and of_weight is not None:
            other = torch.convolution(x, of_weight, None, *ctx.settings)
            found[0] = _sum(found[0], other)
        if to_x and of_weight is not None:
            found[1] = _convolution_backward(gradient, x, of_weight, None, *ctx.settings, [True, False, False])[0]
        if to_weight and of_x is not None:
            found[2] = _convolution_backward(gradient, of_x, weight, None, *ctx.settings, [False, True, False])[1]
        return *found, None, None


class _ReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        result = torch.relu(x)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _ReLUBackward.apply(gradient, ctx.saved_tensors[0].detach())  # type: ignore[no-untyped-call]


class _ReLUBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, result: Tensor) -> Tensor:
        ctx.save_for_backward(result)
        masked: Tensor = torch.ops.aten.threshold_backward(gradient, result, 0)
        return masked

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return torch.ops.aten.threshold_backward(gradient, ctx.saved_tensors[0], 0), None


class _AveragePool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, settings: tuple[Any, ...]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.settings = settings
        return functional.avg_pool2d(x, *settings)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _AveragePoolBackward.apply(gradient, ctx.saved_tensors[0].detach(), ctx.settings), None  # type: ignore[no-untyped-call]


class _AveragePoolBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, x: Tensor, settings: tuple[Any, ...]) -> Tensor:
        ctx.settings = settings
        spread: Tensor = torch.ops.aten.avg_pool2d_backward(gradient, x, *settings)
        return spread

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return functional.avg_pool2d(gradient, *ctx.settings), None, None


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
            to_g = _sum(to_g, (x - means.view(shape)) * (scales * of_weight).view(shape))
            to_x = _sum(to_x, _first(g, x, of_weight, means, scales, ctx.eps)[0])
        if of_bias is not None:
            to_g = _sum(to_g, of_bias.view(shape).expand_as(g))
        return to_g, to_x, to_weight, None, None, None


def _sum(one: Tensor | None, other: Tensor) -> Tensor:
    return other if one is None else one + other


def _first(
    gradient: Tensor, x: Tensor, weight: Tensor | None, means: Tensor, scales: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The derivatives with respect to the values, the weight and the bias of a batch normalisation."""
    found: tuple[Tensor, Tensor, Tensor] = _batch_norm_backward(
        gradient, x, weight, None, None, means, scales, True, eps, [True, True, True]
    )
    return found
