"""The networks of the NDS block spaces (Vanilla, ResNet, ResNeXt-A and -B): a stem and stages of one kind of block.

Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019, section 3.1. The first stage of an
architecture is the stem; each later stage applies its stride in its first block.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from torch import Tensor, nn

from predictors.arch import ArchGraph
from predictors.errors import unknown_name
from proxybench.errors import InvalidArchitecture
from proxybench.networks.chain import ChainNetwork, require_factors
from proxybench.networks.layers import require_sizes
from proxybench.networks.post_activation import ConvBNActivation
from proxybench.spaces.nds_blocks import NDSBlockSpace, ResNet, ResNeXtA, ResNeXtB, Vanilla

STEMS = ("cifar", "imagenet")
_IMAGENET_STRIDE = 4
_SPACES: dict[str, NDSBlockSpace] = {space.name: space for space in (Vanilla(), ResNet(), ResNeXtA(), ResNeXtB())}


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    stem: str | None = None,
    width: float = 1.0,
    depth: float = 1.0,
) -> ChainNetwork:
    """The network of `arch`; the defaults are the published values.

    Operations: one per stage, the stem first, and the classifier. Blocks: those of all stages.

    Args:
        arch: an architecture of nds-vanilla, nds-resnet, nds-resnext-a or nds-resnext-b.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; any height and width will do.
        stem: "cifar", a 3x3 convolution with the stride of the first stage; "imagenet", a 7x7 convolution and a
            max-pooling with stride 2 each; None, "imagenet" if the first stage has stride 4, as published.
        width: factor for the channels of each stage and of each group in a bottleneck; rounded, at least 1.
        depth: factor for the number of blocks of each stage; rounded up.

    Raises:
        InvalidArchitecture: for a graph of another space, or a bottleneck not divisible by its groups.
        ValueError: for a size below 1 or a factor that is not above 0.
        UnknownName: for an unknown stem.
    """
    require_sizes(num_classes, in_shape)
    require_factors(width=width, depth=depth)
    if stem is not None and stem not in STEMS:
        raise unknown_name("stem", stem, STEMS)
    space = _SPACES.get(arch.space)
    if space is None:
        raise InvalidArchitecture(f"<graph of {arch.space}> does not belong to any of the spaces {', '.join(_SPACES)}")
    columns = space.stages(arch)
    parts: dict[str, nn.Module] = {}
    blocks: list[str] = []
    c_in = in_shape[0]
    for number, values in enumerate(zip(*columns.values(), strict=True)):
        stage = dict(zip(columns, values, strict=True))
        c_out, stride = max(1, round(stage["ws"] * width)), int(stage["ss"])
        kind = space.block if number > 0 else "stem"
        if number == 0 and (stem == "imagenet" or (stem is None and stride == _IMAGENET_STRIDE)):
            kind = "imagenet_stem"
        modules: list[nn.Module] = []
        for _ in range(ceil(stage["ds"] * depth)):
            modules.append(block(kind, stage, c_in, c_out, stride, width))
            c_in, stride = c_out, 1
            kind = "stem" if kind == "imagenet_stem" else kind
        name = f"stage{number}"
        parts[name] = nn.Sequential(*modules)
        blocks += [f"{name}.{place}" for place in range(len(modules))]
    return ChainNetwork(parts, c_in, num_classes, operations=parts, blocks=blocks)


def block(kind: str, stage: Mapping[str, float], c_in: int, c_out: int, stride: int, width: float) -> nn.Module:
    """One block, [n, c_in, h, w] -> [n, c_out, ceil(h / stride), ceil(w / stride)]; an ImageNet stem has stride 4.

    Args:
        kind: "stem" (a 3x3 convolution), "imagenet_stem" (a 7x7 convolution and max-pooling), "vanilla" (two 3x3
            convolutions), "res_basic" (the same with a residual) or "res_bottleneck" (1x1, 3x3 in groups, 1x1).
        stage: for a bottleneck, `ws`, `bot_muls` and `num_gs` as published.
        c_in: input channels.
        c_out: output channels.
        stride: stride of the first 3x3 convolution.
        width: factor for the channels of a bottleneck's groups.
    """
    match kind:
        case "stem":
            return ConvBNActivation(c_in, c_out, 3, stride)
        case "imagenet_stem":
            return nn.Sequential(ConvBNActivation(c_in, c_out, 7, 2), nn.MaxPool2d(3, stride=2, padding=1))
        case "vanilla":
            return nn.Sequential(ConvBNActivation(c_in, c_out, 3, stride), ConvBNActivation(c_out, c_out, 3))
        case "res_basic":
            first, last = ConvBNActivation(c_in, c_out, 3, stride), ConvBNActivation(c_out, c_out, 3, activation=None)
            return ResidualBlock(c_in, c_out, stride, nn.Sequential(first, last))
        case "res_bottleneck":
            groups = int(stage["num_gs"])
            inner = bottleneck_channels(stage["ws"], stage["bot_muls"], groups, width)
            transform = nn.Sequential(
                ConvBNActivation(c_in, inner, 1),
                ConvBNActivation(inner, inner, 3, stride, groups=groups),
                ConvBNActivation(inner, c_out, 1, activation=None),
            )
            return ResidualBlock(c_in, c_out, stride, transform)
    raise ValueError(f"no block of the kind {kind!r}")


class ResidualBlock(nn.Module):
    """ReLU of `transform` plus the input, which a 1x1 convolution projects if width or stride change.

    He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 3.2, with projection shortcuts.
    """

    def __init__(self, c_in: int, c_out: int, stride: int, transform: nn.Module) -> None:
        super().__init__()
        self.shortcut: nn.Module = nn.Identity()
        if c_in != c_out or stride != 1:
            self.shortcut = ConvBNActivation(c_in, c_out, 1, stride, activation=None)
        self.transform = transform
        self.relu = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = self.relu(self.shortcut(maps) + self.transform(maps))
        return result


def bottleneck_channels(stage: float, multiplier: float, groups: int, width: float) -> int:
    """Channels inside a bottleneck: `stage * multiplier`, with each group's share scaled by `width`.

    Raises:
        InvalidArchitecture: if `groups` does not divide `stage * multiplier`.
    """
    inner = round(stage * multiplier)
    if inner < 1 or inner % groups:
        raise InvalidArchitecture(f"{groups} groups do not divide a bottleneck of {stage:g} * {multiplier:g} channels")
    return groups * max(1, round(inner // groups * width))
