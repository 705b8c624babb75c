"""Layers whose first channels are layers of their own: a narrower path uses the beginning of every weight.

Yu et al., "Slimmable Neural Networks", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, layer_norm, linear

from proxybench.oneshot.optimiser import use


class SlimConv(nn.Conv2d):
    """A convolution of as many input channels as it is given and of `width` output channels.

    Args:
        c_in: largest number of input channels.
        c_out: largest number of output channels.
        kernel: kernel size.
        stride: of the convolution.
        padding: of the convolution; by default the one that keeps the resolution for an odd kernel at stride 1.
        bias: whether it has a bias.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int, stride: int = 1, *, padding: int | None = None, bias: bool = False
    ) -> None:
        super().__init__(c_in, c_out, kernel, stride, kernel // 2 if padding is None else padding, bias=bias)
        self.width = c_out

    def sliced(self, *extents: int) -> Tensor:
        """The beginning of the weight, of this many output and input channels."""
        return use(self.weight, *extents)

    def forward(self, maps: Tensor) -> Tensor:
        bias = None if self.bias is None else use(self.bias, self.width)
        return conv2d(maps, self.sliced(self.width, maps.shape[1]), bias, self.stride, self.padding)


class SlimNorm(nn.BatchNorm2d):
    """A batch normalisation of as many channels as it is given, with one set of weights and statistics."""

    def forward(self, maps: Tensor) -> Tensor:
        first, counted = slice(maps.shape[1]), self.num_batches_tracked
        assert self.running_mean is not None
        assert self.running_var is not None
        assert counted is not None
        if self.training:
            counted.add_(1)
        share = 1 / max(1, int(counted)) if self.momentum is None else self.momentum
        statistics = (self.running_mean[first], self.running_var[first])
        weight, bias = use(self.weight, maps.shape[1]), use(self.bias, maps.shape[1])
        return batch_norm(maps, *statistics, weight, bias, self.training, share, self.eps)


class SwitchableNorm(nn.Module):
    """A batch normalisation for each of several numbers of channels."""

    def __init__(self, widths: Iterable[int]) -> None:
        super().__init__()
        self.of_width = nn.ModuleDict({str(width): nn.BatchNorm2d(width) for width in sorted(set(widths))})

    def forward(self, maps: Tensor) -> Tensor:
        normal: Tensor = self.of_width[str(maps.shape[1])](maps)
        return normal


class SlimLayerNorm(nn.LayerNorm):
    """A layer normalisation of as many channels, the last dimension, as it is given."""

    def forward(self, tokens: Tensor) -> Tensor:
        channels = tokens.shape[-1]
        return layer_norm(tokens, (channels,), use(self.weight, channels), use(self.bias, channels), self.eps)


class SlimLinear(nn.Linear):
    """A linear layer with a bias, of as many inputs as it is given and of `width` outputs."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.width = outputs

    def sliced(self, *extents: int) -> Tensor:
        """The beginning of the weight, of this many outputs and inputs."""
        return use(self.weight, *extents)

    def forward(self, rows: Tensor) -> Tensor:
        return linear(rows, self.sliced(self.width, rows.shape[-1]), use(self.bias, self.width))


class SlimThree(nn.Module):
    """Three linear maps of the same input with `width` outputs each, one after the other: queries, keys and values.

    Args:
        inputs: largest number of inputs.
        outputs: largest number of outputs of each map.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        whole = nn.Linear(inputs, 3 * outputs)
        self.weight = nn.Parameter(whole.weight.detach().view(3, outputs, inputs))
        self.bias = nn.Parameter(whole.bias.detach().view(3, outputs))
        self.width = outputs

    def forward(self, rows: Tensor) -> Tensor:
        weight = use(self.weight, 3, self.width, rows.shape[-1]).flatten(0, 1)
        return linear(rows, weight, use(self.bias, 3, self.width).flatten())
