"""The networks of the space mbconv-micro: stem, seven layers, a 1x1 convolution, pooling, classifier."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork, stem_layers_head
from proxybench.networks.post_activation import InvertedResidual
from proxybench.spaces.mbconv_micro import OPERATIONS, STRIDES, WIDTHS, MBConvMicro

SIZES = {"mbconv_k3_e3": (3, 3), "mbconv_k3_e6": (3, 6), "mbconv_k5_e3": (5, 3), "mbconv_k5_e6": (5, 6)}


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    channels: int = 16,
    head_channels: int = 128,
) -> ChainNetwork:
    """The network of `arch`.

    Operations: stem, the seven layers, the last 1x1 convolution, classifier. Blocks: the stem and the layers.

    Args:
        arch: an architecture of the space mbconv-micro.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; any height and width will do.
        channels: channels of the stem and the first layer; the later layers have twice and four times as many.
        head_channels: channels of the last 1x1 convolution.

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1.
    """
    options = MBConvMicro().to_choices(arch)

    def make(number: int, c_in: int, c_out: int, stride: int) -> nn.Module:
        return layer(OPERATIONS[options[number]], c_in, c_out, stride)

    return assemble(make, num_classes, in_shape, channels, head_channels)


def assemble(
    make: Callable[[int, int, int, int], nn.Module],
    num_classes: int,
    in_shape: tuple[int, int, int],
    channels: int,
    head_channels: int,
) -> ChainNetwork:
    """The network around the layers; `make` returns the module of a layer, 0 to 6, for two channel counts and a stride.

    Raises:
        ValueError: for a size below 1.
    """
    plan = list(zip(WIDTHS, STRIDES, strict=True))
    return stem_layers_head(make, plan, num_classes, in_shape, channels, head_channels)


def layer(op: str, c_in: int, c_out: int, stride: int) -> nn.Module:
    """The module of one layer. Raises KeyError for an operation that is not in OPERATIONS."""
    if op == "skip":
        return nn.Identity()
    kernel, expansion = SIZES[op]
    return InvertedResidual(c_in, c_out, expansion=expansion, kernel=kernel, stride=stride)
