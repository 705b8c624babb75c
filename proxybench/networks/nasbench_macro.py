"""The networks of NAS-Bench-Macro: stem, eight layers in three stages, a 1x1 convolution, pooling, classifier.

Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, appendix. For each architecture
the published table lists the figures of `NASBenchMacro().simplified(arch)`, a network with the same function.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork, stem_layers_head
from proxybench.networks.post_activation import ConvBNActivation, InvertedResidual
from proxybench.spaces.nasbench_macro import ATTRS, NASBenchMacro


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    channels: int = 32,
    head_channels: int = 1280,
) -> ChainNetwork:
    """The network of `arch`; the defaults are the published values.

    Operations: stem, the eight layers, the last 1x1 convolution, classifier. Blocks: the stem and the layers.

    Args:
        arch: an architecture of the space nasbench-macro.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; any height and width will do.
        channels: channels of the stem; the three stages have twice, four and eight times as many.
        head_channels: channels of the last 1x1 convolution.

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1.
    """
    NASBenchMacro().to_choices(arch)  # raises for any other graph
    ops = arch.ops[1:-1]

    def make(number: int, c_in: int, c_out: int, stride: int) -> nn.Module:
        return layer(ops[number], c_in, c_out, stride)

    return assemble(make, num_classes, in_shape, channels, head_channels)


def assemble(
    make: Callable[[int, int, int, int], nn.Module],
    num_classes: int,
    in_shape: tuple[int, int, int],
    channels: int,
    head_channels: int,
) -> ChainNetwork:
    """The network around the layers; `make` returns the module of a layer, 0 to 7, for two channel counts and a stride.

    Raises:
        ValueError: for a size below 1.
    """
    plan = list(zip(np.cumprod(ATTRS["stride"]).tolist(), ATTRS["stride"], strict=True))
    return stem_layers_head(make, plan, num_classes, in_shape, channels, head_channels)


def layer(op: str, c_in: int, c_out: int, stride: int) -> nn.Module:
    """The module of one layer; an identity that changes shapes is a 1x1 convolution with batch normalisation."""
    match op:
        case "identity" if stride == 1:
            return nn.Identity()
        case "identity":
            return ConvBNActivation(c_in, c_out, 1, stride, activation=None)
        case "mbconv_k3_e3":
            return InvertedResidual(c_in, c_out, expansion=3, kernel=3, stride=stride)
        case "mbconv_k5_e6":
            return InvertedResidual(c_in, c_out, expansion=6, kernel=5, stride=stride)
    raise ValueError(f"no module for the operation {op!r}")
