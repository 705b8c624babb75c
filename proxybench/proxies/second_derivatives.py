"""Frequent layers whose second derivatives consist of torch's fast kernels for first derivatives.

torch differentiates the backward pass of a convolution by convolving with feature maps as kernels, that of a batch
normalisation by a dozen operations on whole maps, and adds zeros for those of rectifiers and pooling. The formulas
below are the same and take less time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from proxybench.proxies.batch_norm import batch_norm_call
from proxybench.proxies.fast_normalisation import are_ordinary, normalised, normalised_alone, sum_of

_convolution_backward = torch.ops.aten.convolution_backward


class FastSecondDerivatives(TorchFunctionMode):
    """Replaces 2-D convolutions, batch normalisation by batch statistics, ReLU and average pooling while active.

    Group normalisation with a group for each channel is replaced as well. The results are those of torch, bit for bit.

    Attributes:
        of_weights: whether a backward pass computes the derivatives by the kernels of convolutions. Python functions in
            an autograd graph cannot see that nobody needs them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.of_weights = True

    @contextmanager
    def without_weights(self) -> Iterator[None]:
        """Leave out the derivatives by the kernels of convolutions in backward passes inside."""
        self.of_weights = False
        try:
            yield
        finally:
            self.of_weights = True

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        replaced = self._replaced(func, args, kwargs or {})
        return func(*args, **(kwargs or {})) if replaced is None else replaced

    def _replaced(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a function that is replaced, otherwise None."""
        if func is torch.conv2d:
            return _convolution(self, *args, **kwargs)
        if func is functional.relu or func is torch.relu or func is Tensor.relu:
            return _rectified(*args, **kwargs)
        if func is functional.avg_pool2d:
            return _pooled(*args, **kwargs)
        if func is torch.native_group_norm:
            return normalised_alone(*args, **kwargs)
        call = batch_norm_call(func, args, kwargs)
        return None if call is None else normalised(call)


def _rectified(input: Tensor, inplace: bool = False) -> Tensor | None:
    if inplace or not are_ordinary(input):
        return None
    result: Tensor = _ReLU.apply(input)  # type: ignore[no-untyped-call]
    return result


def _pooled(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor | None:  # fmt: skip
    if input.dim() != 4 or not are_ordinary(input):
        return None
    kernel, step, pad = (_pair(size) for size in (kernel_size, kernel_size if stride is None else stride, padding))
    settings = (kernel, step, pad, ceil_mode, count_include_pad, divisor_override)
    result: Tensor = _AveragePool.apply(input, settings)  # type: ignore[no-untyped-call]
    return result


def _pair(size: Any) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size) * (2 if len(size) == 1 else 1)


def _convolution(
    mode: FastSecondDerivatives, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor | None:  # fmt: skip
    if bias is not None or isinstance(padding, str) or input.dim() != 4 or not are_ordinary(input, weight):
        return None
    sizes = [_pair(size) for size in (stride, padding, dilation)]
    settings = (*sizes, False, [0, 0], groups)
    result: Tensor = _Convolution.apply(input, weight, settings, mode)  # type: ignore[no-untyped-call]
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, settings: tuple[Any, ...], mode: FastSecondDerivatives) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.settings, ctx.mode = settings, mode
        result: Tensor = torch.convolution(x, weight, None, *settings)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        needed = (ctx.needs_input_grad[0], ctx.needs_input_grad[1] and ctx.mode.of_weights)
        return *_ConvolutionBackward.apply(gradient, x, weight, ctx.settings, needed), None, None  # type: ignore[no-untyped-call]


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
            found[0] = sum_of(found[0], other)
        needed = [to_x and of_weight is not None, to_weight and of_x is not None, False]
        if any(needed):
            inputs, kernel = x if of_x is None else of_x, weight if of_weight is None else of_weight
            found[1:] = _convolution_backward(gradient, inputs, kernel, None, *ctx.settings, needed)[:2]
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
