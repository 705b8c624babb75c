"""The networks of the ResNet-20 pooling space: a stem and nine residual blocks, max pooling before two of them.

Javan et al., AutoML 2023, in the form of the published script for single trainings: the last block has ten channels.
The blocks are those of He et al., CVPR 2016, with a 1x1 convolution where the channels change; no block has a stride.
"""

from __future__ import annotations

from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.chain import ChainNetwork, require_factors
from proxybench.networks.layers import ConvBN, require_sizes
from proxybench.networks.post_activation import ConvBNActivation
from proxybench.spaces.resnet20_pooling import BLOCKS, ResNet20Pooling

STEM_CHANNELS = 16
CHANNELS = (16, 16, 16, 32, 32, 32, 64, 64, 10)


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    width: float = 1.0,
) -> ChainNetwork:
    """The network of `arch`; the defaults are the published values. All have the same parameters.

    Operations: the stem, the nine blocks with the pooling before them, classifier. Blocks: the stem and the nine.

    Args:
        arch: an architecture of the space resnet20-pooling.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image of at least 4 x 4 pixels.
        width: factor for all channels, rounded, at least 1.

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1, a factor that is not above 0, or an image that is too small.
    """
    require_sizes(num_classes, in_shape)
    require_factors(width=width)
    if min(in_shape[1:]) < 4:
        raise ValueError(f"two poolings need an image of at least 4 x 4 pixels, not {in_shape[1]} x {in_shape[2]}")
    places = ResNet20Pooling().places(arch)
    c_in = max(1, round(STEM_CHANNELS * width))
    parts: dict[str, nn.Module] = {"stem": ConvBNActivation(in_shape[0], c_in, 3)}
    for block in range(BLOCKS):
        c_out = max(1, round(CHANNELS[block] * width))
        parts[f"block{block}"] = PooledBlock(c_in, c_out, pool=block in places)
        c_in = c_out
    return ChainNetwork(parts, c_in, num_classes, operations=parts, blocks=parts)


class PooledBlock(nn.Module):
    """Maybe 2x2 max pooling, then two 3x3 convolutions added to the identity or, for other channels, a 1x1 convolution.

    [n, c_in, h, w] -> [n, c_out, h, w], or half of h and w, rounded down, with pooling.
    """

    def __init__(self, c_in: int, c_out: int, *, pool: bool) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        self.layers = nn.Sequential(ConvBNActivation(c_in, c_out, 3), ConvBN(c_out, c_out, 3))
        self.shortcut = ConvBN(c_in, c_out, 1) if c_in != c_out else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.pool(maps)
        out: Tensor = self.relu(self.shortcut(maps) + self.layers(maps))
        return out
