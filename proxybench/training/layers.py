"""Layers of S equal networks as one layer: maps are [n, S * c, h, w], the channels of a network side by side.

Tokens of a transformer are [S, n, h, w, c], a network behind the other.

Each computes what the S layers compute one by one, to the rounding of sums. Where maps are small, torch's depthwise
convolutions and average poolings are many times slower than the product with the matrix that they amount to (128
channels of 2 x 2 pixels, 5 x 5 kernel, forward and backward: 6 ms and 0.5 ms), so they are that product here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from proxybench.networks.vit import ChannelsFirst, ChannelsLast
from proxybench.training.layouts import Layout

MATRIX_PIXELS = 64  # of a map, up to which a linear operation on each channel is a product with its matrix


class StackedLayer(nn.Module):
    """One layer of S networks; in `forward` the torch functions mean what they say, also inside `SeedAxis`."""

    def forward(self, maps: Tensor) -> Tensor:
        with torch._C.DisableTorchFunction():
            return self.stacked(maps)

    @abstractmethod
    def stacked(self, maps: Tensor) -> Tensor:
        """What the S layers give, the channels of a network side by side."""


class StackedConv(StackedLayer):
    """A convolution: [n, S * c_in, h, w] -> [n, S * c_out, h', w']."""

    def __init__(self, layers: Sequence[nn.Conv2d], layout: Layout) -> None:
        super().__init__()
        first = layers[0]
        if first.padding_mode != "zeros" or isinstance(first.padding, str):
            raise TypeError("a convolution with padding other than a number of zeros")
        self.seeds, self.layout = len(layers), layout
        self.c_in, self.c_out, self.groups = first.in_channels, first.out_channels, first.groups
        self.kernel, self.stride, self.padding, self.dilation = (
            first.kernel_size, first.stride, first.padding, first.dilation,
        )  # fmt: skip
        self.pointwise = (self.kernel, self.padding, self.groups) == ((1, 1), (0, 0), 1)
        self.depthwise = self.groups == self.c_in == self.c_out
        weight = torch.cat([layer.weight.detach() for layer in layers])
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
        self.bias = None if first.bias is None else nn.Parameter(_joined(layers, "bias"))

    def stacked(self, maps: Tensor) -> Tensor:
        if self.layout is Layout.IMAGES_LAST and self.bias is None:
            if self.pointwise:
                return self._pointwise(maps)
            if self.depthwise and maps.shape[2:].numel() <= MATRIX_PIXELS:
                return self._depthwise(maps)
        maps = maps.contiguous(memory_format=torch.channels_last)
        groups = self.seeds * self.groups
        return nn.functional.conv2d(maps, self.weight, self.bias, self.stride, self.padding, self.dilation, groups)

    def _pointwise(self, maps: Tensor) -> Tensor:
        physical = self.layout.physical(maps)
        down, across = self.stride
        if self.stride != (1, 1):
            physical = physical[:, ::down, ::across].contiguous()
        _, height, width, n = physical.shape
        weight = self.weight.view(self.seeds, self.c_out, self.c_in)
        product = torch.bmm(weight, physical.view(self.seeds, self.c_in, -1))
        return self.layout.logical(product.view(-1, height, width, n))

    def _depthwise(self, maps: Tensor) -> Tensor:
        n, channels, height, width = maps.shape
        taps, out = _taps((height, width), self.kernel, self.stride, self.padding, self.dilation)
        matrices = (self.weight.reshape(channels, -1) @ taps.to(maps)).view(channels, -1, height * width)
        product = torch.bmm(matrices, self.layout.physical(maps).view(channels, -1, n))
        return self.layout.logical(product.view(channels, *out, n))


class StackedNorm(StackedLayer):
    """A batch normalisation, each channel with the statistics of its own network; shape-preserving."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, layers: Sequence[nn.BatchNorm2d], layout: Layout) -> None:
        super().__init__()
        first = layers[0]
        if not first.track_running_stats or first.momentum is None:
            raise TypeError("a batch normalisation without running statistics, or with their plain mean")
        self.layout, self.eps, self.momentum = layout, first.eps, first.momentum
        channels = len(layers) * first.num_features
        for name, fill in (("weight", 1.0), ("bias", 0.0)):
            if first.affine:
                self.register_parameter(name, nn.Parameter(_joined(layers, name)))
            else:
                self.register_buffer(name, torch.full((channels,), fill).to(_joined(layers, "running_mean")))
        self.register_buffer("running_mean", _joined(layers, "running_mean"))
        self.register_buffer("running_var", _joined(layers, "running_var"))

    def stacked(self, maps: Tensor) -> Tensor:
        if self.layout is Layout.CHANNELS_LAST:
            return nn.functional.batch_norm(
                maps.contiguous(memory_format=torch.channels_last),
                self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps,
            )  # fmt: skip
        physical = self.layout.physical(maps)
        rows = physical.view(maps.shape[1], -1)
        if self.training:
            normal, mean, variance = _NormalisedRows.apply(rows, self.weight, self.bias, self.eps)  # type: ignore[no-untyped-call]
            count = rows.shape[1]
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        else:
            scale = self.weight * torch.rsqrt(self.running_var + self.eps)
            shift = self.bias - self.running_mean * scale
            normal = torch.addcmul(shift[:, None], rows, scale[:, None])
        return self.layout.logical(normal.view(physical.shape))


class _NormalisedRows(torch.autograd.Function):
    """Rows with mean `bias` and deviation `weight`, and their means and variances before (Ioffe and Szegedy, 2015).

    Torch's own takes the mean and variance of long rows in a loop without vector instructions.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        mean = rows.mean(1)
        centred = rows - mean[:, None]
        variance = _row_products(centred, centred) / rows.shape[1]
        inverse = torch.rsqrt(variance + eps)
        ctx.save_for_backward(centred, weight, inverse)
        ctx.mark_non_differentiable(mean, variance)
        return torch.addcmul(bias[:, None], centred, (weight * inverse)[:, None]), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        gradient = gradients[0].contiguous()
        centred, weight, inverse = ctx.saved_tensors
        count = centred.shape[1]
        of_bias = gradient.sum(1)
        of_weight = _row_products(gradient, centred) * inverse
        scale = weight * inverse
        along = -scale * inverse * of_weight / count
        of_rows = torch.addcmul((-scale * of_bias / count)[:, None], centred, along[:, None])
        return of_rows.addcmul_(gradient, scale[:, None]), of_weight, of_bias, None


def _row_products(one: Tensor, other: Tensor) -> Tensor:
    """The scalar product of each pair of rows."""
    return torch.bmm(one.unsqueeze(1), other.unsqueeze(2)).flatten()


class StackedMean(StackedLayer):
    """An average pooling: [n, channels, h, w] -> [n, channels, h', w']."""

    def __init__(self, layers: Sequence[nn.AvgPool2d], layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        pool = layers[0]
        kernel, stride, padding = (_pair(size) for size in (pool.kernel_size, pool.stride, pool.padding))
        self.arguments = (kernel, stride, padding, pool.ceil_mode, pool.count_include_pad, pool.divisor_override)

    def stacked(self, maps: Tensor) -> Tensor:
        height, width = maps.shape[2:]
        if height * width > MATRIX_PIXELS:
            return nn.functional.avg_pool2d(maps, *self.arguments)
        matrix, out = _means((height, width), maps.dtype, *self.arguments)
        physical = self.layout.physical(maps)
        first, last = physical.shape[0], physical.shape[3]
        product = torch.bmm(matrix.to(maps).expand(first, -1, -1), physical.view(first, -1, last))
        return self.layout.logical(product.view(first, *out, last))


class StackedMaximum(StackedLayer):
    """A max-pooling: [n, channels, h, w] -> [n, channels, h', w']."""

    def __init__(self, layers: Sequence[nn.MaxPool2d], layout: Layout) -> None:
        super().__init__()
        self.pool, self.layout = layers[0], layout

    def stacked(self, maps: Tensor) -> Tensor:
        # Maps are independent, so torch may take channels for images: what counts is that the last dimension is fast.
        as_channels_last = self.layout.physical(maps).permute(0, 3, 1, 2)
        return self.layout.logical(self.pool(as_channels_last).permute(0, 2, 3, 1))


class StackedLinear(StackedLayer):
    """A linear layer: rows [n, S * c_in] -> [n, S * c_out], or tokens [S, ..., c_in] -> [S, ..., c_out]."""

    def __init__(self, layers: Sequence[nn.Linear], layout: Layout) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        biased = layers[0].bias is not None
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers])) if biased else None

    def stacked(self, maps: Tensor) -> Tensor:
        if maps.dim() > 2:
            return self._of_tokens(maps.flatten(1, -2)).view(*maps.shape[:-1], -1)
        of_network = maps.view(len(maps), len(self.weight), -1).transpose(0, 1)
        product = torch.bmm(of_network, self.weight.transpose(1, 2))
        if self.bias is not None:
            product = product + self.bias[:, None]
        return product.transpose(0, 1).flatten(1)

    def _of_tokens(self, tokens: Tensor) -> Tensor:
        """[S, tokens, c_in] -> [S, tokens, c_out]."""
        if self.bias is None:
            return torch.bmm(tokens, self.weight.transpose(1, 2))
        return torch.baddbmm(self.bias[:, None], tokens, self.weight.transpose(1, 2))


class StackedTokenNorm(StackedLayer):
    """A normalisation of each token: tokens [S, ..., c], shape-preserving."""

    def __init__(self, layers: Sequence[nn.LayerNorm], layout: Layout) -> None:
        super().__init__()
        first = layers[0]
        if len(first.normalized_shape) != 1 or not first.elementwise_affine or first.bias is None:
            raise TypeError("a normalisation of more than the last dimension, or without weights")
        self.shape, self.eps = first.normalized_shape, first.eps
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def stacked(self, maps: Tensor) -> Tensor:
        normal = nn.functional.layer_norm(maps, self.shape, eps=self.eps).flatten(1, -2)
        return torch.addcmul(self.bias[:, None], normal, self.weight[:, None]).view(maps.shape)


class StackedChannelsLast(StackedLayer):
    """Maps as tokens of each network: [n, S * c, h, w] -> [S, n, h, w, c]."""

    def __init__(self, layers: Sequence[ChannelsLast], layout: Layout) -> None:
        super().__init__()
        self.seeds = len(layers)

    def stacked(self, maps: Tensor) -> Tensor:
        n, _, height, width = maps.shape
        return maps.reshape(n, self.seeds, -1, height, width).permute(1, 0, 3, 4, 2).contiguous()


class StackedChannelsFirst(StackedLayer):
    """Tokens of each network as maps: [S, n, h, w, c] -> [n, S * c, h, w]."""

    def __init__(self, layers: Sequence[ChannelsFirst], layout: Layout) -> None:
        super().__init__()

    def stacked(self, maps: Tensor) -> Tensor:
        return maps.permute(1, 0, 4, 2, 3).flatten(1, 2)


def _joined(layers: Sequence[nn.Module], name: str) -> Tensor:
    return torch.cat([getattr(layer, name).detach() for layer in layers])


Size = tuple[int, ...]


@cache
def _taps(size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size) -> tuple[Tensor, Size]:
    """Which weight of a kernel leads from which pixel to which, [kernel, h' * w' * h * w] of 0 and 1, and (h', w')."""
    pixels = torch.eye(size[0] * size[1]).view(-1, 1, *size)
    positions = torch.eye(kernel[0] * kernel[1]).view(-1, 1, *kernel)
    taps = nn.functional.conv2d(pixels, positions, None, stride, padding, dilation)
    return taps.permute(1, 2, 3, 0).reshape(len(positions), -1), tuple(taps.shape[2:])


@cache
def _means(size: Size, dtype: torch.dtype, *arguments: Any) -> tuple[Tensor, Size]:
    """The matrix [h' * w', h * w] of an average pooling of maps of this size, and (h', w')."""
    pixels = torch.eye(size[0] * size[1], dtype=dtype).view(-1, 1, *size)
    means = nn.functional.avg_pool2d(pixels, *arguments)
    return means.flatten(1).t().contiguous(), tuple(means.shape[2:])


def _pair(size: int | Size) -> Size:
    return (size, size) if isinstance(size, int) else size
