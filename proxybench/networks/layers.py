"""Layers shared by the networks of several spaces: ReLU-conv-BN, zero, pooling, the cell of four nodes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from proxybench.spaces.line_graph import FOUR_NODE_CELL


def require_sizes(num_classes: int, in_shape: tuple[int, int, int], **sizes: int) -> None:
    """Raise ValueError unless `in_shape` is (channels, height, width) and all sizes are integers of at least 1."""
    if len(in_shape) != 3:
        raise ValueError(f"in_shape must be (channels, height, width), not {in_shape!r}")
    shape = dict(zip(("image channels", "image height", "image width"), in_shape, strict=True))
    for name, size in {"num_classes": num_classes, **shape, **sizes}.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {size!r}")


class ReLUConvBN(nn.Sequential):
    """ReLU, convolution without bias, batch normalisation; [n, c_in, h, w] -> [n, c_out, ceil(h/s), ceil(w/s)].

    Args:
        c_in: input channels.
        c_out: output channels.
        kernel: odd kernel size; the padding keeps the resolution.
        stride: of the convolution.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(c_out)


class ConvBN(nn.Sequential):
    """Convolution without bias and batch normalisation; shapes and arguments as in ReLUConvBN."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(c_out)


class Zero(nn.Module):
    """Zeros in the shape that a convolution with this many output channels and this stride would return.

    With equal channels it is a multiplication by zero, so that its input stays in the autograd graph, with derivative
    zero.
    """

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.c_in, self.c_out, self.stride = c_in, c_out, stride

    def forward(self, x: Tensor) -> Tensor:
        strided = x[:, :, :: self.stride, :: self.stride]
        if self.c_in == self.c_out:
            return strided * 0.0
        return (strided[:, :1] * 0.0).expand(-1, self.c_out, -1, -1)

    def extra_repr(self) -> str:
        return f"{self.c_in}, {self.c_out}, stride={self.stride}"


class FourNodeCell(nn.Module):
    """A cell of nodes 0 (input) to 3 (output); each node is the sum of its incoming edges.

    Args:
        edges: the modules of the edges (0,1) (0,2) (1,2) (0,3) (1,3) (2,3), in the order of nodes 1-6 of the cell's
            line graph.
    """

    def __init__(self, edges: Iterable[nn.Module]) -> None:
        super().__init__()
        self.edges = nn.ModuleList(edges)

    def forward(self, x: Tensor) -> Tensor:
        states = {0: x}
        for (source, target), edge in zip(FOUR_NODE_CELL, self.edges, strict=True):
            term = edge(states[source])
            states[target] = states[target] + term if target in states else term
        return states[3]


class ReductionBlock(nn.Module):
    """Residual block that halves the resolution: two ReLU-conv3x3-BN plus average pooling and a 1x1 convolution.

    [n, c_in, h, w] -> [n, c_out, ceil(h/2), ceil(w/2)]. He et al., CVPR 2016, with the shortcut of NAS-Bench-201
    (Dong and Yang, ICLR 2020, section 2.1). The pooling rounds up, which makes no difference for even sizes.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv_a = ReLUConvBN(c_in, c_out, 3, stride=2)
        self.conv_b = ReLUConvBN(c_out, c_out, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.shortcut(x) + self.conv_b(self.conv_a(x))
        return out


class FactorizedReduction(nn.Module):
    """ReLU, two concatenated 1x1 convolutions on pixels offset by one, batch normalisation.

    [n, c_in, h, w] -> [n, c_out, ceil(h/stride), ceil(w/stride)] for even c_out. Zoph et al., CVPR 2018, appendix A.
    """

    def __init__(self, c_in: int, c_out: int, stride: int = 2) -> None:
        super().__init__()
        if c_out % 2:
            raise ValueError(f"a factorised reduction needs an even number of output channels, not {c_out}")
        self.relu = nn.ReLU()
        self.conv_a = nn.Conv2d(c_in, c_out // 2, 1, stride, bias=False)
        self.conv_b = nn.Conv2d(c_in, c_out // 2, 1, stride, bias=False)
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        out: Tensor = self.bn(torch.cat([self.conv_a(x), self.conv_b(shifted)], dim=1))
        return out
