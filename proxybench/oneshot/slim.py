"""Layers whose first channels are layers of their own: a narrower path uses the beginning of every weight.

Yu et al., "Slimmable Neural Networks", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, linear

from proxybench.oneshot.optimiser import use


class SlimConv(nn.Conv2d):
    """A convolution without bias, of as many input channels as it is given and of `width` output channels.

    Args:
        c_in: largest number of input channels.
        c_out: largest number of output channels.
        kernel: odd kernel size; the padding keeps the resolution.
        stride: of the convolution.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
        self.width = c_out

    def forward(self, maps: Tensor) -> Tensor:
        weight = use(self.weight, self.width, maps.shape[1])
        return conv2d(maps, weight, None, self.stride, self.padding)


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


class SlimLinear(nn.Linear):
    """A linear layer of as many inputs as it is given."""

    def forward(self, rows: Tensor) -> Tensor:
        return linear(rows, use(self.weight, self.out_features, rows.shape[1]), self.bias)
