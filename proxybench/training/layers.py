"""Layers of S equal networks as one layer: maps are [n, S * c, h, w], with each network's channels contiguous.

Tokens of a transformer are [S, n, h, w, c], one network after another.

Each computes the same as the S separate layers, up to the rounding of sums. For small maps with few channels, torch's
convolutions, poolings and normalisations are several times slower than loops over maps with the images last (three
seeds of 3 channels of 8 x 8 pixels, 3 x 3 kernel, 128 images: 1.0 ms compared with 0.1 ms), so the CPU uses the loops.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

from proxybench.networks.layers import FactorizedReduction
from proxybench.networks.vit import ChannelsFirst, ChannelsLast
from proxybench.training.convolution import Convolved
from proxybench.training.layouts import Layout
from proxybench.training.normalisation import Normalised, normalised
from proxybench.training.pointwise import Projected

MATRIX_PIXELS, MATRIX_CHANNELS = 4, 16  # small maps with this many channels: a matrix product
FEW_CHANNELS = 32  # maximum channels per group for which torch's convolution is slower


class StackedLayer(nn.Module):
    """One layer of S networks; in `forward` torch functions behave normally, even inside `SeedAxis`."""

    def forward(self, maps: Tensor) -> Tensor:
        with torch._C.DisableTorchFunction():
            return self.stacked(maps)

    @abstractmethod
    def stacked(self, maps: Tensor) -> Tensor:
        """The results of the S layers, with each network's channels contiguous."""


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
        self.pointwise = (self.kernel, self.padding, self.groups) == ((1, 1), (0, 0), 1) and len({*self.stride}) == 1
        self.rectified = False
        weight = torch.cat([layer.weight.detach() for layer in layers])
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
        self.bias = None if first.bias is None else nn.Parameter(_joined(layers, "bias"))

    def stacked(self, maps: Tensor) -> Tensor:
        if self.pointwise and self.bias is None and in_loops(maps, self.layout):
            weight = self.weight.view(self.seeds, self.c_out, self.c_in)
            return _projected(maps, weight, self.stride[0], 0, self.rectified)
        small = maps.shape[2:].numel() <= MATRIX_PIXELS and self.c_in >= MATRIX_CHANNELS
        if small and self.groups == 1 and self.bias is None and in_loops(maps, self.layout):
            return self._as_matrix(torch.relu(maps) if self.rectified else maps)
        groups = self.seeds * self.groups
        if in_loops(maps, self.layout) and self.c_in <= FEW_CHANNELS * self.groups:
            found: Tensor = Convolved.apply(  # type: ignore[no-untyped-call]
                maps, self.weight, self.stride, self.padding, self.dilation, groups, self.rectified
            )
            return found if self.bias is None else found + self.bias[:, None, None]
        maps = (torch.relu(maps) if self.rectified else maps).contiguous(memory_format=torch.channels_last)
        return nn.functional.conv2d(maps, self.weight, self.bias, self.stride, self.padding, self.dilation, groups)

    def _as_matrix(self, maps: Tensor) -> Tensor:
        """A product with the matrix that maps all pixels of all channels to all pixels of all channels."""
        taps, out = _taps(tuple(maps.shape[2:]), self.kernel, self.stride, self.padding, self.dilation)
        weight = (self.weight.flatten(2) @ taps.to(maps)).view(self.seeds, self.c_out, self.c_in, out.numel(), -1)
        matrices = weight.transpose(2, 3).flatten(3, 4).flatten(1, 2)
        physical = self.layout.physical(maps)
        product = torch.bmm(matrices, physical.view(self.seeds, matrices.shape[2], -1))
        return self.layout.logical(product.view(-1, *out, maps.shape[0]))


class StackedReduction(StackedLayer):
    """A factorised reduction: [n, S * c_in, h, w] -> [n, S * c_out, ceil(h / stride), ceil(w / stride)]."""

    def __init__(self, layers: Sequence[FactorizedReduction], layout: Layout) -> None:
        super().__init__()
        self.layout, self.stride = layout, layers[0].conv_a.stride[0]
        self.first, self.second = (
            nn.Parameter(torch.stack([convolution.weight.detach().flatten(1) for convolution in convolutions]))
            for convolutions in zip(*((layer.conv_a, layer.conv_b) for layer in layers), strict=True)
        )
        self.bn = StackedNorm([layer.bn for layer in layers], layout)

    def stacked(self, maps: Tensor) -> Tensor:
        weights = (self.first, self.second)
        halves = [_projected(maps, weight, self.stride, place, True) for place, weight in enumerate(weights)]
        seeds, channels, _ = self.first.shape
        cut = [self.layout.physical(half).view(seeds, channels, *half.shape[2:], half.shape[0]) for half in halves]
        return self.bn.stacked(self.layout.logical(torch.cat(cut, dim=1).flatten(0, 1)))


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
        self.rectified = False
        channels = len(layers) * first.num_features
        for name, fill in (("weight", 1.0), ("bias", 0.0)):
            if first.affine:
                self.register_parameter(name, nn.Parameter(_joined(layers, name)))
            else:
                self.register_buffer(name, torch.full((channels,), fill).to(_joined(layers, "running_mean")))
        self.register_buffer("running_mean", _joined(layers, "running_mean"))
        self.register_buffer("running_var", _joined(layers, "running_var"))

    def stacked(self, maps: Tensor) -> Tensor:
        statistics = (self.running_mean, self.running_var)
        if not in_loops(maps, self.layout) or (torch.is_grad_enabled() and not self.training):
            normal = nn.functional.batch_norm(
                maps.contiguous(memory_format=torch.channels_last), *statistics, self.weight, self.bias,
                self.training, self.momentum, self.eps,
            )  # fmt: skip
            return torch.relu(normal) if self.rectified else normal
        if not self.training:
            return normalised(maps, self.weight, self.bias, *statistics, self.eps, self.rectified)
        found: Tensor = Normalised.apply(  # type: ignore[no-untyped-call]
            maps, self.weight, self.bias, *statistics, self.momentum, self.eps, self.rectified
        )
        return found


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


def _projected(maps: Tensor, weight: Tensor, stride: int, first: int, rectified: bool) -> Tensor:
    projected: Tensor = Projected.apply(maps, weight, stride, first, rectified)  # type: ignore[no-untyped-call]
    return projected


def in_loops(maps: Tensor, layout: Layout) -> bool:
    """Whether these maps are processed by loops instead of torch."""
    return layout is Layout.IMAGES_LAST and has_loops(maps)


def has_loops(numbers: Tensor) -> bool:
    """Whether the loops support these numbers: float32 or float64 on the CPU."""
    return numbers.device.type == "cpu" and numbers.dtype in (torch.float32, torch.float64)


def _joined(layers: Sequence[nn.Module], name: str) -> Tensor:
    return torch.cat([getattr(layer, name).detach() for layer in layers])


Size = tuple[int, ...]


@cache
def _taps(size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size) -> tuple[Tensor, torch.Size]:
    """Which weight of a kernel connects which pixels, [kernel, h' * w' * h * w] of 0 and 1, and (h', w')."""
    pixels = torch.eye(size[0] * size[1]).view(-1, 1, *size)
    positions = torch.eye(kernel[0] * kernel[1]).view(-1, 1, *kernel)
    taps = nn.functional.conv2d(pixels, positions, None, stride, padding, dilation)
    return taps.permute(1, 2, 3, 0).reshape(len(positions), -1), taps.shape[2:]
