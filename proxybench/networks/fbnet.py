"""The networks of FBNet in the two sizes of HW-NAS-Bench: stem, 22 layers, a 1x1 convolution.

Wu et al., "FBNet", CVPR 2019, tables 1 and 2; Li et al., "HW-NAS-Bench", ICLR 2021, for the size on CIFAR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from predictors.arch import ArchGraph
from predictors.errors import unknown_name
from proxybench.networks.chain import ChainNetwork, require_factors
from proxybench.networks.layers import require_sizes
from proxybench.networks.post_activation import ConvBNActivation
from proxybench.spaces.fbnet import BLOCKS, CHANNELS, DEPTHS, FBNet

STEM_CHANNELS = 16


@dataclass(frozen=True)
class Macro:
    """The stride of the stem and of the first layer of each stage, and the channels of the last convolution."""

    stem_stride: int
    strides: tuple[int, ...]
    head_channels: int


MACROS = {
    "cifar": Macro(1, (1, 1, 2, 2, 1, 2, 1), 1504),
    "imagenet": Macro(2, (1, 2, 2, 2, 1, 2, 1), 1984),
}


def build(
    arch: ArchGraph,
    num_classes: int = 100,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    macro: str = "cifar",
    width: float = 1.0,
) -> ChainNetwork:
    """The network of `arch`; the defaults are those of the published latencies and scores, on CIFAR-100.

    Operations: stem, the 22 layers, the last 1x1 convolution, classifier. Blocks: the same without the classifier.

    Args:
        arch: an architecture of the space fbnet.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; any height and width will do.
        macro: "cifar", which halves the resolution three times, or "imagenet", which halves it five times.
        width: factor for all channels, rounded to even numbers, at least 2.

    Raises:
        InvalidArchitecture: for a graph that is not an architecture of the space.
        ValueError: for a size below 1 or a factor that is not above 0.
        UnknownName: for an unknown macro structure.
    """
    numbers = FBNet().numbers(arch)

    def make(number: int, c_in: int, c_out: int, stride: int) -> nn.Module:
        return layer(BLOCKS[numbers[number]], c_in, c_out, stride)

    return assemble(make, num_classes, in_shape, macro, width)


def assemble(
    make: Callable[[int, int, int, int], nn.Module],
    num_classes: int,
    in_shape: tuple[int, int, int],
    macro: str,
    width: float,
) -> ChainNetwork:
    """The network around the layers; `make` returns the module of a layer, 0 to 21, for its channels and stride.

    Errors as in `build`.
    """
    require_sizes(num_classes, in_shape)
    require_factors(width=width)
    if macro not in MACROS:
        raise unknown_name("macro structure", macro, MACROS)
    chosen = MACROS[macro]
    c_in = _even(STEM_CHANNELS * width)
    parts: dict[str, nn.Module] = {"stem": ConvBNActivation(in_shape[0], c_in, 3, chosen.stem_stride)}
    for channels, depth, stride in zip(CHANNELS, DEPTHS, chosen.strides, strict=True):
        for place in range(depth):
            number, c_out = len(parts) - 1, _even(channels * width)
            parts[f"layer{number}"] = make(number, c_in, c_out, 1 if place else stride)
            c_in = c_out
    head = _even(chosen.head_channels * width)
    parts["head"] = ConvBNActivation(c_in, head, 1)
    return ChainNetwork(parts, head, num_classes, operations=parts, blocks=parts)


def _even(channels: float) -> int:
    return max(2, 2 * round(channels / 2))


def layer(block: str, c_in: int, c_out: int, stride: int) -> nn.Module:
    """The module of one layer; a skip that changes shapes is a 1x1 convolution."""
    if block == "skip":
        same = stride == 1 and c_in == c_out
        return nn.Identity() if same else ConvBNActivation(c_in, c_out, 1, stride)
    kernel, expansion, *groups = block.split("_")
    return FBNetBlock(c_in, c_out, int(kernel[1]), int(expansion[1]), stride, int(groups[0][1]) if groups else 1)


class FBNetBlock(nn.Module):
    """1x1 convolution, depthwise convolution, 1x1 convolution without activation; added to the input if shapes agree.

    [n, c_in, h, w] -> [n, c_out, ceil(h / stride), ceil(w / stride)]. The 1x1 convolutions may have groups; then the
    channels are shuffled after the first. Unlike in MobileNetV2, the first one is there for an expansion of 1 too.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, expansion: int, stride: int, groups: int) -> None:
        super().__init__()
        wide = expansion * c_in
        self.expand = ConvBNActivation(c_in, wide, 1, groups=groups)
        self.shuffle = nn.ChannelShuffle(groups) if groups > 1 else nn.Identity()
        self.depthwise = ConvBNActivation(wide, wide, kernel, stride, groups=wide)
        self.project = ConvBNActivation(wide, c_out, 1, groups=groups, activation=None)
        self.residual = stride == 1 and c_in == c_out

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.project(self.depthwise(self.shuffle(self.expand(maps))))
        return maps + out if self.residual else out
