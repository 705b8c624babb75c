"""Batch normalisation and the ReLU after it, images last: one channel at a time, which fits into the cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from proxybench.training.compiled import Numbers, compiled, numbers
from proxybench.training.layouts import Layout


class Normalised(torch.autograd.Function):
    """Maps [n, channels, h, w] normalised to mean `bias` and standard deviation `weight` (Ioffe and Szegedy, 2015).

    The maps are stored as Layout.IMAGES_LAST, like the result. The running mean and variance are updated by `momentum`
    as in torch.nn.functional.batch_norm. With `rectified`, negative values become 0. Runs on the CPU.
    """

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_var: Tensor,
        momentum: float, eps: float, rectified: bool,
    ) -> Tensor:  # fmt: skip
        physical = Layout.IMAGES_LAST.physical(maps)
        found, moments = torch.empty_like(physical), weight.new_empty(4, weight.shape[0])
        ctx.floor = 0.0 if rectified else float("-inf")
        _normalise(
            _rows(physical), numbers(weight), numbers(bias), numbers(running_mean), numbers(running_var),
            momentum, eps, ctx.floor, numbers(moments), _rows(found),
        )  # fmt: skip
        ctx.save_for_backward(physical, moments)
        return Layout.IMAGES_LAST.logical(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        physical, moments = ctx.saved_tensors
        gradient = Layout.IMAGES_LAST.physical(gradients[0])
        of_maps, of_parameters = torch.empty_like(physical), moments.new_empty(2, physical.shape[0])
        _differentiate(
            _rows(physical), numbers(moments), ctx.floor, _rows(gradient), numbers(of_parameters), _rows(of_maps)
        )
        of_weight, of_bias = of_parameters.unbind()
        return Layout.IMAGES_LAST.logical(of_maps), of_weight, of_bias, None, None, None, None, None


def normalised(
    maps: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float, rectified: bool
) -> Tensor:
    """The maps of `Normalised` with a given mean and variance, without derivatives."""
    physical = Layout.IMAGES_LAST.physical(maps)
    scale = weight * torch.rsqrt(variance + eps)
    shift = torch.addcmul(bias, mean, scale, value=-1)
    found, floor = torch.empty_like(physical), 0.0 if rectified else float("-inf")
    _scale(_rows(physical), numbers(scale), numbers(shift), floor, _rows(found))
    return Layout.IMAGES_LAST.logical(found)


def _rows(physical: Tensor) -> Numbers:
    return numbers(physical).reshape(physical.shape[0], -1)


@compiled
def _normalise(
    rows: Numbers, weight: Numbers, bias: Numbers, running_mean: Numbers, running_var: Numbers, momentum: float,
    eps: float, floor: float, moments: Numbers, found: Numbers,
) -> None:  # fmt: skip
    """Fill `found` and moments [4, channels]: mean, inverse standard deviation, resulting scale and shift."""
    channels, count = rows.shape
    zero = rows.dtype.type(0)
    for channel in range(channels):
        row, total, square = rows[channel], zero, zero
        for place in range(count):
            total += row[place]
        moments[0, channel] = total / count
        mean = moments[0, channel]
        for place in range(count):
            square += (row[place] - mean) * (row[place] - mean)
        moments[1, channel] = 1 / (square / count + eps) ** 0.5
        moments[2, channel] = weight[channel] * moments[1, channel]
        moments[3, channel] = bias[channel] - mean * moments[2, channel]
        running_mean[channel] += momentum * (mean - running_mean[channel])
        running_var[channel] += momentum * (square / (count - 1) - running_var[channel])
        _scale_row(row, moments[2, channel], moments[3, channel], rows.dtype.type(floor), found[channel])


@compiled
def _scale(rows: Numbers, scale: Numbers, shift: Numbers, floor: float, found: Numbers) -> None:
    for channel in range(len(rows)):
        _scale_row(rows[channel], scale[channel], shift[channel], rows.dtype.type(floor), found[channel])


@compiled
def _scale_row(row: Numbers, scale: float, shift: float, floor: float, found: Numbers) -> None:
    for place in range(len(row)):
        value = row[place] * scale + shift
        found[place] = floor if value < floor else value


@compiled
def _differentiate(
    rows: Numbers, moments: Numbers, floor: float, gradient: Numbers, of_parameters: Numbers, of_rows: Numbers
) -> None:
    """Fill the gradients of weight and bias, of_parameters [2, channels], and those of the maps."""
    channels, count = rows.shape
    zero, least = rows.dtype.type(0), rows.dtype.type(floor)
    for channel in range(channels):
        row, share, to = rows[channel], gradient[channel], of_rows[channel]
        mean, inverse, scale, shift = moments[0, channel], moments[1, channel], moments[2, channel], moments[3, channel]
        of_bias, product = zero, zero
        for place in range(count):
            passed = zero if row[place] * scale + shift <= least else share[place]
            to[place] = passed
            of_bias += passed
            product += passed * (row[place] - mean)
        of_parameters[0, channel], of_parameters[1, channel] = product * inverse, of_bias
        along = rows.dtype.type(-scale * inverse * inverse * product / count)
        level = rows.dtype.type(-scale * of_bias / count)
        for place in range(count):
            to[place] = to[place] * scale + (row[place] - mean) * along + level
