"""1x1 convolutions, images last: matrix products over the pixels that are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from proxybench.training.compiled import Numbers, at, compiled, numbers
from proxybench.training.layouts import Layout


class Projected(torch.autograd.Function):
    """A 1x1 convolution of S networks: [n, S * c_in, h, w] -> [n, S * c_out, ceil(h / stride), ceil(w / stride)].

    It reads the pixels (first + i * stride, first + j * stride), zero beyond the last; with `rectified`, negative
    values count as 0. The maps are stored as Layout.IMAGES_LAST, like the result. Runs on the CPU.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, stride: int, first: int, rectified: bool) -> Tensor:
        """`weight` is [S, c_out, c_in]."""
        physical = Layout.IMAGES_LAST.physical(maps)
        _, height, width, n = physical.shape
        seeds, _, c_in = weight.shape
        picked, ctx.all = physical, (stride, first, rectified) == (1, 0, False)
        if not ctx.all:
            picked = physical.new_empty(physical.shape[0], -(-height // stride), -(-width // stride), n)
            _pick(numbers(physical), numbers(picked), first, stride, 0.0 if rectified else float("-inf"))
        ctx.save_for_backward(picked, weight)
        ctx.shape, ctx.arguments = physical.shape, (first, stride, rectified)
        product = torch.bmm(weight, picked.view(seeds, c_in, -1))
        return Layout.IMAGES_LAST.logical(product.view(-1, *picked.shape[1:]))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        picked, weight = ctx.saved_tensors
        seeds, c_out, c_in = weight.shape
        gradient = Layout.IMAGES_LAST.physical(gradients[0]).view(seeds, c_out, -1)
        of_weight = torch.bmm(gradient, picked.view(seeds, c_in, -1).transpose(1, 2))
        if not ctx.needs_input_grad[0]:
            return None, of_weight, None, None, None
        of_maps = of_picked = torch.bmm(weight.transpose(1, 2), gradient).view(picked.shape)
        if not ctx.all:
            of_maps = picked.new_empty(ctx.shape)
            _put_back(numbers(of_picked), numbers(picked), numbers(of_maps), *ctx.arguments)
        return Layout.IMAGES_LAST.logical(of_maps), of_weight, None, None, None


@compiled
def _pick(maps: Numbers, picked: Numbers, first: int, stride: int, floor: float) -> None:
    channels, height, width, n = maps.shape
    zero, least = maps.dtype.type(0), maps.dtype.type(floor)
    values, to = maps.reshape(-1), picked.reshape(-1)
    for row in range(channels * picked.shape[1]):
        channel, y = row // picked.shape[1], row % picked.shape[1] * stride + first
        for pixel in range(picked.shape[2]):
            x = pixel * stride + first
            start, place = ((channel * height + y) * width + x) * n, (row * picked.shape[2] + pixel) * n
            if y < height and x < width:
                for image in range(n):
                    value = values[at(start + image)]
                    to[at(place + image)] = least if value < least else value
            else:
                for image in range(n):
                    to[at(place + image)] = zero


@compiled
def _put_back(of_picked: Numbers, picked: Numbers, of_maps: Numbers, first: int, stride: int, rectified: bool) -> None:
    """Fill `of_maps`, the gradient of the maps: zero for pixels that were not picked."""
    channels, height, width, n = of_maps.shape
    zero = of_maps.dtype.type(0)
    floor = of_maps.dtype.type(0 if rectified else -np.inf)
    values, shares, to = picked.reshape(-1), of_picked.reshape(-1), of_maps.reshape(-1)
    if stride > 1:
        to[:] = 0
    for row in range(channels * picked.shape[1]):
        channel, y = row // picked.shape[1], row % picked.shape[1] * stride + first
        for pixel in range(picked.shape[2]):
            x = pixel * stride + first
            if y < height and x < width:
                start, place = ((channel * height + y) * width + x) * n, (row * picked.shape[2] + pixel) * n
                for image in range(n):
                    value, share = values[at(place + image)], shares[at(place + image)]
                    to[at(start + image)] = zero if value <= floor else share
