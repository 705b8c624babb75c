"""The networks of Accel-NASBench's MnasNet space: stem, seven blocks of inverted residuals, a 1x1 convolution.

Ahmad et al., "Accel-NASBench: Sustainable Benchmarking for Accelerator-Aware NAS", DAC 2024, appendix B; blocks of
Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", CVPR 2019. The published accuracies are
for networks with ReLU, which the FPGAs require. Dropout and stochastic depth, used only in training, are omitted.
"""

from __future__ import annotations

from math import ceil

from torch import nn

from predictors.arch import ArchGraph
from predictors.errors import unknown_name
from proxybench.networks.chain import ChainNetwork, require_factors
from proxybench.networks.layers import require_sizes
from proxybench.networks.post_activation import ConvBNActivation, InvertedResidual
from proxybench.spaces.mnasnet import CHANNELS, STRIDES, MnasNet

STEM_CHANNELS = 32
HEAD_FACTOR = 4  # the last convolution has four times the channels of the last block
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU}


def build(
    arch: ArchGraph,
    num_classes: int = 1000,
    in_shape: tuple[int, int, int] = (3, 224, 224),
    *,
    width: float = 1.0,
    depth: float = 1.0,
    activation: str = "relu",
) -> ChainNetwork:
    """The network of `arch`; the defaults are the published values.

    Operations: stem, the seven blocks, the last 1x1 convolution, classifier. Blocks: the stem and the inverted
    residuals of all seven.

    Args:
        arch: an architecture of the space mnasnet.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; any height and width will do.
        width: factor for all channels, rounded as in `scaled`.
        depth: factor for the number of layers of each block, rounded up.
        activation: "relu" or "silu".

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1 or a factor that is not above 0.
        UnknownName: for an unknown activation.
    """
    require_sizes(num_classes, in_shape)
    require_factors(width=width, depth=depth)
    if activation not in ACTIVATIONS:
        raise unknown_name("activation", activation, ACTIVATIONS)
    act = ACTIVATIONS[activation]
    c_in = scaled(STEM_CHANNELS, width)
    parts: dict[str, nn.Module] = {"stem": ConvBNActivation(in_shape[0], c_in, 3, 2, activation=act)}
    blocks = ["stem"]
    rows = zip(MnasNet().blocks(arch), CHANNELS, STRIDES, strict=True)
    for number, ((expansion, kernel, layers, attention), channels, stride) in enumerate(rows):
        residuals: list[nn.Module] = []
        for _ in range(ceil(layers * depth)):
            residuals.append(
                InvertedResidual(
                    c_in,
                    c_out := scaled(channels, width),
                    expansion=expansion,
                    kernel=kernel,
                    stride=1 if residuals else stride,
                    squeezed=max(1, c_in // 4) if attention else 0,
                    activation=act,
                )
            )
            c_in = c_out
        parts[f"block{number}"] = nn.Sequential(*residuals)
        blocks += [f"block{number}.{layer}" for layer in range(len(residuals))]
    head = HEAD_FACTOR * c_in
    parts["head"] = ConvBNActivation(c_in, head, 1, activation=act)
    return ChainNetwork(parts, head, num_classes, operations=parts, blocks=blocks)


def scaled(channels: int, width: float) -> int:
    """`channels * width` rounded to the nearest multiple of 8, at least 8 and never more than 10% lower.

    Sandler et al., "MobileNetV2", CVPR 2018, published code.
    """
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded
