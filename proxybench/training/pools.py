"""Poolings of S equal networks as one, as in layers.py."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from proxybench.training.convolution import Convolved
from proxybench.training.layers import Size, StackedLayer, in_loops
from proxybench.training.layouts import Layout
from proxybench.training.maxima import Maxima


class StackedMean(StackedLayer):
    """An average pooling: [n, channels, h, w] -> [n, channels, h', w']."""

    def __init__(self, layers: Sequence[nn.AvgPool2d], layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        pool = layers[0]
        kernel, stride, padding = (_pair(size) for size in (pool.kernel_size, pool.stride, pool.padding))
        self.arguments = (kernel, stride, padding, pool.ceil_mode, pool.count_include_pad, pool.divisor_override)

    def stacked(self, maps: Tensor) -> Tensor:
        shares = _shares(tuple(maps.shape[2:]), maps.dtype, *self.arguments)
        if shares is None or not in_loops(maps, self.layout):
            return nn.functional.avg_pool2d(maps, *self.arguments)
        kernel, stride, padding, *_ = self.arguments
        ones = maps.new_ones(maps.shape[1], 1, *kernel)
        sums: Tensor = Convolved.apply(  # type: ignore[no-untyped-call]
            maps, ones, stride, padding, (1, 1), maps.shape[1], False
        )
        return sums * shares


class StackedMaximum(StackedLayer):
    """A max-pooling: [n, channels, h, w] -> [n, channels, h', w']."""

    def __init__(self, layers: Sequence[nn.MaxPool2d], layout: Layout) -> None:
        super().__init__()
        self.pool, self.layout = layers[0], layout
        arguments = (self.pool.kernel_size, self.pool.stride, self.pool.padding, self.pool.dilation)
        self.geometry = tuple(_pair(size) for size in arguments)

    def stacked(self, maps: Tensor) -> Tensor:
        if not in_loops(maps, self.layout):
            return self._of_torch(maps)
        size = _sizes(maps.shape[2:], *self.geometry, self.pool.ceil_mode)
        found: Tensor = Maxima.apply(self.layout.physical(maps), size, *self.geometry)  # type: ignore[no-untyped-call]
        return self.layout.logical(found)

    def _of_torch(self, maps: Tensor) -> Tensor:
        # Maps are independent, so torch may treat channels as images; what matters is that the last dimension is fast.
        as_channels_last = self.layout.physical(maps).permute(0, 3, 1, 2)
        return self.layout.logical(self.pool(as_channels_last).permute(0, 2, 3, 1))


@cache
def _shares(
    size: Size, dtype: torch.dtype, kernel: Size, stride: Size, padding: Size, *arguments: Any
) -> Tensor | None:
    """The factors that turn sums over windows into means, [h', w']; None if windows extend beyond the padding.

    Args:
        size: (h, w) of the maps.
        dtype: of the maps.
        kernel: size of the windows.
        stride: of the windows.
        padding: of the maps.
        arguments: ceil_mode, count_include_pad and divisor_override of torch.nn.functional.avg_pool2d.
    """
    ones = torch.ones(1, 1, *size, dtype=dtype)
    means = nn.functional.avg_pool2d(ones, kernel, stride, padding, *arguments)
    sums = nn.functional.avg_pool2d(ones, kernel, stride, padding, divisor_override=1)
    return (means / sums)[0, 0] if means.shape == sums.shape else None


@cache
def _sizes(size: Size, *arguments: Any) -> Size:
    """The output size (h', w') of max-pooling for maps of size (h, w)."""
    return tuple(nn.functional.max_pool2d(torch.zeros(1, 1, *size), *arguments).shape[2:])


def _pair(size: int | Size) -> Size:
    return (size, size) if isinstance(size, int) else size
