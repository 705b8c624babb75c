"""Plain layers of torch.nn whose output's shape, and so their arithmetic, follows from the input's shape alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from proxybench.networks.arithmetic import PRICES, Arguments, Work

Shape = tuple[int, ...]


@dataclass(frozen=True)
class _Kind:
    """A type of module.

    Attributes:
        operation: the name of the operation that it runs; None if it counts nothing.
        shape: returns the shape of the output; None for an input with which the module itself must be called.
        arguments: returns the arguments of the operation that its price reads.
    """

    operation: str | None
    shape: Callable[[Any, Tensor], Shape | None]
    arguments: Callable[[Any, Tensor], Arguments]


def is_plain(module: nn.Module) -> bool:
    """Whether `plain_output` may know the module; not if its forward pass is not that of its type."""
    return type(module) in _KINDS and "forward" not in vars(module)


def plain_output(module: nn.Module, x: Tensor, zeros: Callable[[Tensor, Shape], Tensor]) -> tuple[Tensor, Work] | None:
    """A tensor in the shape of a plain module's output in evaluation mode, and the module's arithmetic.

    None for an input with which the module must be called, such as one that it rejects.

    Args:
        module: one that `is_plain`.
        x: its only input.
        zeros: returns zeros of a shape, of the type and on the device of a tensor.
    """
    kind = _KINDS[type(module)]
    if type(x) is not Tensor or x.layout is not torch.strided or not x.is_floating_point():
        return None
    shape = kind.shape(module, x)
    if shape is None or min(shape, default=1) < 1:
        return None
    output = x if shape == x.shape else zeros(x, shape)
    return output, Work() if kind.operation is None else PRICES[kind.operation](kind.arguments(module, x), output)


def _like_weight(x: Tensor, weight: Tensor) -> bool:
    return x.dtype == weight.dtype and x.device == weight.device


def _of_convolution(module: Any, x: Tensor) -> Shape | None:
    weight = module.weight
    plain = module.padding_mode == "zeros" and not isinstance(module.padding, str)
    if not plain or x.dim() != weight.dim() or not _like_weight(x, weight):
        return None
    (n, c_in, *sizes), (c_out, inputs, *kernel) = x.shape, weight.shape
    axes = zip(sizes, kernel, module.stride, module.padding, module.dilation, strict=True)
    sides = [(size + 2 * pad - step * (width - 1) - 1) // stride + 1 for size, width, stride, pad, step in axes]
    return (n, c_out, *sides) if c_in == inputs * module.groups else None


def _of_linear(module: Any, x: Tensor) -> Shape | None:
    weight = module.weight
    if x.shape[-1:] != weight.shape[1:] or not _like_weight(x, weight):
        return None
    return (*x.shape[:-1], len(weight))


def _of_batch_norm(module: Any, x: Tensor) -> Shape | None:
    known, axes = module.running_mean, {nn.BatchNorm1d: (2, 3), nn.BatchNorm2d: (4,), nn.BatchNorm3d: (5,)}
    if known is None or x.dim() not in axes[type(module)] or x.shape[1] != len(known) or not _like_weight(x, known):
        return None
    return x.shape


def _of_layer_norm(module: Any, x: Tensor) -> Shape | None:
    normalised, weight = module.normalized_shape, module.weight
    fits = tuple(x.shape[-len(normalised) :]) == tuple(normalised) and (weight is None or _like_weight(x, weight))
    return x.shape if fits else None


def _of_pooling(module: Any, x: Tensor) -> Shape | None:
    if x.dim() != 4 or module.ceil_mode or getattr(module, "return_indices", False):
        return None
    kernel, stride, padding, dilation = (
        (size, size) if isinstance(size, int) else size
        for size in (module.kernel_size, module.stride, module.padding, getattr(module, "dilation", 1))
    )
    if any(2 * pad > size for pad, size in zip(padding, kernel, strict=True)):
        return None
    spans = [step * (size - 1) + 1 for size, step in zip(kernel, dilation, strict=True)]
    sides = zip(x.shape[2:], spans, stride, padding, strict=True)
    return *x.shape[:2], *((size + 2 * pad - span) // step + 1 for size, span, step, pad in sides)


def _of_adaptive_pooling(module: Any, x: Tensor) -> Shape | None:
    size = module.output_size
    sizes = (size, size) if isinstance(size, int) else size
    return (*x.shape[:2], *sizes) if x.dim() == 4 and None not in sizes else None


def _own_shape(module: Any, x: Tensor) -> Shape:
    return x.shape


def _weighted(module: Any, x: Tensor) -> Arguments:
    return {"input": x, "weight": module.weight, "bias": module.bias}


def _input(module: Any, x: Tensor) -> Arguments:
    return {"self": x}


def _window(module: Any, x: Tensor) -> Arguments:
    return {"self": x, "kernel_size": module.kernel_size}


_CONVOLUTION = _Kind("convolution", _of_convolution, _weighted)
_BATCH_NORM = _Kind("batch_norm", _of_batch_norm, _weighted)
_IDENTITY = _Kind(None, _own_shape, _input)
_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "hardtanh",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Hardswish: "hardswish",
    nn.Hardsigmoid: "hardsigmoid",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
}
_KINDS: dict[type[nn.Module], _Kind] = {
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), _CONVOLUTION),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), _BATCH_NORM),
    **dict.fromkeys((nn.Identity, nn.Dropout), _IDENTITY),
    **{kind: _Kind(operation, _own_shape, _input) for kind, operation in _ACTIVATIONS.items()},
    nn.Linear: _Kind("linear", _of_linear, _weighted),
    nn.LayerNorm: _Kind("layer_norm", _of_layer_norm, _weighted),
    nn.AvgPool2d: _Kind("avg_pool2d", _of_pooling, _window),
    nn.MaxPool2d: _Kind("max_pool2d", _of_pooling, _window),
    nn.AdaptiveAvgPool2d: _Kind("adaptive_avg_pool2d", _of_adaptive_pooling, _input),
}
