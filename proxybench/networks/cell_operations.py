"""The operations of genotypes as modules: separable and dilated convolutions, pooling, skip and zero.

As in the networks that DARTS trains after its search (Liu, Simonyan and Yang, ICLR 2019, section 3.1) and in "On
Network Design Spaces" (Radosavovic et al., ICCV 2019, section 5.1), which adopted them for five spaces: a convolution
is ReLU-conv-BN with weights in the batch normalisation; pooling is not followed by batch normalisation.
"""

from __future__ import annotations

from torch import nn

from predictors.errors import unknown_name
from proxybench.networks.layers import FactorizedReduction, ReLUConvBN, Zero

_KERNELS = {
    "avg_pool": (3,),
    "max_pool": (3, 5, 7),
    "conv": (1, 3),
    "sep_conv": (3, 5, 7),
    "dil_conv": (3, 5),
    "dil_sep_conv": (3,),
}
_SQUARE = {f"{kind}_{size}x{size}": (kind, size) for kind, sizes in _KERNELS.items() for size in sizes}
_FACTORIZED = {"conv_3x1_1x3": 3, "conv_7x1_1x7": 7}
OPERATIONS = ("none", "skip_connect", *_SQUARE, *_FACTORIZED)


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """The module of one operation: [n, channels, h, w] -> [n, channels, ceil(h / stride), ceil(w / stride)].

    Args:
        name: one of OPERATIONS.
        channels: of input and output; must be even if `skip_connect` has stride 2.
        stride: 1 or 2.

    Raises:
        UnknownName: for an unknown operation.
    """
    if name == "none":
        return Zero(channels, channels, stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduction(channels, channels)
    if name in _FACTORIZED:
        return FactorizedConv(channels, _FACTORIZED[name], stride)
    if name not in _SQUARE:
        raise unknown_name("operation", name, OPERATIONS)
    kind, kernel = _SQUARE[name]
    match kind:
        case "avg_pool":
            return nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
        case "max_pool":
            return nn.MaxPool2d(kernel, stride, kernel // 2)
        case "conv":
            return ReLUConvBN(channels, channels, kernel, stride)
        case "dil_conv":
            return DepthwiseConv(channels, kernel, stride, dilation=2)
        case "dil_sep_conv":
            return _twice(channels, kernel, stride, dilation=2)
        case _:
            return _twice(channels, kernel, stride, dilation=1)


def search_operation(name: str, channels: int, stride: int) -> nn.Module:
    """`operation` as in the DARTS search phase: batch normalisation without weights, also after pooling.

    NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022) builds its NAS-Bench-301 networks from these operations.
    """
    module = operation(name, channels, stride)
    if isinstance(module, (nn.AvgPool2d, nn.MaxPool2d)):
        module = nn.Sequential(module, nn.BatchNorm2d(channels))
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.affine = False
            norm.register_parameter("weight", None)
            norm.register_parameter("bias", None)
    return module


class DepthwiseConv(nn.Sequential):
    """ReLU, depthwise convolution, 1x1 convolution, batch normalisation; shapes as in `operation`.

    Args:
        channels: c of input and output; c * kernel**2 + c**2 + 2 * c parameters.
        kernel: odd kernel size.
        stride: of the depthwise convolution.
        dilation: of the depthwise convolution.
    """

    def __init__(self, channels: int, kernel: int, stride: int, dilation: int) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.relu = nn.ReLU()
        self.depthwise = nn.Conv2d(
            channels, channels, kernel, stride, padding, dilation=dilation, groups=channels, bias=False
        )
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(channels)


def _twice(channels: int, kernel: int, stride: int, dilation: int) -> nn.Sequential:
    """The separable convolution of NASNet: the depthwise convolution applied twice, with the stride in the first."""
    return nn.Sequential(
        DepthwiseConv(channels, kernel, stride, dilation), DepthwiseConv(channels, kernel, 1, dilation)
    )


class FactorizedConv(nn.Sequential):
    """ReLU, a 1 x kernel and a kernel x 1 convolution, batch normalisation; shapes as in `operation`.

    Each of the two convolutions strides along its longer direction.

    Args:
        channels: c of input and output; 2 * kernel * c**2 + 2 * c parameters.
        kernel: odd length.
        stride: in both directions.
    """

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        padding = kernel // 2
        self.relu = nn.ReLU()
        self.row = nn.Conv2d(channels, channels, (1, kernel), (1, stride), (0, padding), bias=False)
        self.column = nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), (padding, 0), bias=False)
        self.bn = nn.BatchNorm2d(channels)
