"""Max-pooling of small maps in memory order."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from proxybench.training.compiled import Numbers, Pair, at, compiled, numbers, reach, runs


class Maxima(torch.autograd.Function):
    """The maxima of windows, [outer, h, w, lanes] -> [outer, h', w', lanes]; contiguous, on the CPU.

    As in torch.nn.functional.max_pool2d the gradient goes to the first of equal maxima, row by row; NaN counts as
    larger than all numbers but receives no gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, size: Pair, window: Pair, stride: Pair, padding: Pair, dilation: Pair
    ) -> Tensor:
        """`size` is (h', w')."""
        found = maps.new_empty(maps.shape[0], *size, maps.shape[3])
        ctx.geometry = (window, stride, padding, dilation)
        ctx.save_for_backward(maps, found)
        _maxima(numbers(maps), numbers(found), *ctx.geometry)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        maps, found = ctx.saved_tensors
        of_maps = torch.zeros_like(maps)
        rest = gradients[0].clone(memory_format=torch.contiguous_format)
        _hand_back(numbers(maps), numbers(found), numbers(rest), numbers(of_maps), *ctx.geometry)
        return of_maps, None, None, None, None, None


@compiled
def _maxima(maps: Numbers, found: Numbers, window: Pair, stride: Pair, padding: Pair, dilation: Pair) -> None:
    """Fill `found`: the maximum over rows of pixels, then along the row."""
    outer, height, width, lanes = maps.shape
    values, best, highest = maps.reshape(-1), found.reshape(-1), np.empty(width * lanes, maps.dtype)
    best[:] = -np.inf
    for row in range(outer * found.shape[1]):
        one, y = row // found.shape[1], row % found.shape[1]
        highest[:] = -np.inf
        for down in range(window[0]):
            source = y * stride[0] + down * dilation[0] - padding[0]
            if 0 <= source < height:
                _raise(highest, 0, values, (one * height + source) * len(highest), len(highest))
        for across in range(window[1]):
            offset = across * dilation[1] - padding[1]
            first, end = reach(offset, stride[1], width, found.shape[2])
            pieces, length = runs(first, end, stride[1], lanes)
            for place in range(first, first + pieces):
                to = (row * found.shape[2] + place) * lanes
                _raise(best, to, highest, (place * stride[1] + offset) * lanes, length)


@compiled
def _raise(best: Numbers, to: int, values: Numbers, start: int, length: int) -> None:
    for lane in range(length):
        found = np.maximum(best[at(to + lane)], values[at(start + lane)])
        best[at(to + lane)] = found


@compiled
def _hand_back(
    maps: Numbers, found: Numbers, rest: Numbers, of_maps: Numbers,
    window: Pair, stride: Pair, padding: Pair, dilation: Pair,
) -> None:  # fmt: skip
    """Move each number of `rest`, a gradient, to the position in `of_maps` that was the maximum."""
    outer, height, width, lanes = maps.shape
    arrays = maps.reshape(-1), found.reshape(-1), rest.reshape(-1), of_maps.reshape(-1)
    for row in range(outer * found.shape[1]):
        one, y = row // found.shape[1], row % found.shape[1]
        for down in range(window[0]):
            source = y * stride[0] + down * dilation[0] - padding[0]
            if source < 0 or source >= height:
                continue
            for across in range(window[1]):
                offset = across * dilation[1] - padding[1]
                first, end = reach(offset, stride[1], width, found.shape[2])
                pieces, length = runs(first, end, stride[1], lanes)
                for place in range(first, first + pieces):
                    start = ((one * height + source) * width + place * stride[1] + offset) * lanes
                    _move(*arrays, start, (row * found.shape[2] + place) * lanes, length)


@compiled
def _move(values: Numbers, best: Numbers, rest: Numbers, to: Numbers, start: int, place: int, length: int) -> None:
    """Move from `rest` to `to` where the value equals the maximum."""
    for lane in range(length):
        a, b = at(place + lane), at(start + lane)
        moved = rest[a] * rest.dtype.type(values[b] == best[a])  # without a branch, which would prevent vectorisation
        to[b] += moved
        rest[a] -= moved
