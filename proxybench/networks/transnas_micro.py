"""The network of a TransNAS-Bench-101 micro cell, with the classification head.

Duan et al., "TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task Neural Architecture
Search", CVPR 2021, section 3.1. The decoders of the other tasks (jigsaw, segmentation, autoencoding, surface normals)
are not included; room layout uses this head with nine outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.base import Network
from proxybench.networks.layers import (
    ConvBN,
    FactorizedReduction,
    FourNodeCell,
    ReLUConvBN,
    Zero,
    require_sizes,
)
from proxybench.spaces.line_graph import FOUR_NODE_CELL
from proxybench.spaces.transnas_micro import TransNASMicro


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    channels: int = 64,
    cells: int = 2,
    modules: Sequence[int] = (4, 1, 4, 1, 4),
) -> ModuleNetwork:
    """The network of `arch`.

    Its operations are the stem, the six edges of each cell in the order of the line graph's nodes 1-6, and the
    classifier. The cells are in `stages`, one stage per module.

    Args:
        arch: an architecture of the space transnas101-micro.
        num_classes: length of the logits; 63 for class_scene, 100 for class_object.
        in_shape: (channels, height, width) of an image; any height and width will do. Published with 256 x 256.
        channels: channels after the stem, an even number.
        cells: number of cells in each module; the first cell changes channels and resolution.
        modules: the types of the modules: 1 plain, 2 channels doubled, 3 resolution halved, 4 both.

    Raises:
        InvalidArchitecture: for a graph that is not a cell of the space.
        ValueError: for a size below 1, an odd number of channels or an unknown module type.
    """
    names = TransNASMicro().cell_operations(arch)

    def make(edge: int, c_in: int, c_out: int, stride: int) -> nn.Module:
        return operation(names[edge], c_in, c_out, stride)

    return assemble(make, num_classes, in_shape, channels, cells, modules)


def assemble(
    make: Callable[[int, int, int, int], nn.Module],
    num_classes: int,
    in_shape: tuple[int, int, int],
    channels: int,
    cells: int,
    modules: Sequence[int],
) -> ModuleNetwork:
    """The network around the cells; `make` returns the module of an edge, 0 to 5, for two channel counts and a stride.

    Raises:
        ValueError: for a size below 1, an odd number of channels or an unknown module type.
    """
    require_sizes(num_classes, in_shape, channels=channels, cells=cells, modules=len(modules))
    plan = module_plan(channels, modules)

    def cell(c_in: int, c_out: int, stride: int) -> FourNodeCell:
        return FourNodeCell(
            make(edge, c_in, c_out, stride) if source == 0 else make(edge, c_out, c_out, 1)
            for edge, (source, _) in enumerate(FOUR_NODE_CELL)
        )

    stages = [
        nn.Sequential(cell(c_in, c_out, stride), *(cell(c_out, c_out, 1) for _ in range(cells - 1)))
        for c_in, c_out, stride in plan
    ]
    operations = [
        f"stages.{stage}.{index}.edges.{edge}"
        for stage in range(len(plan))
        for index in range(cells)
        for edge in range(len(FOUR_NODE_CELL))
    ]
    return ModuleNetwork(stages, operations, in_shape[0], channels, plan[-1][1], num_classes)


def module_plan(channels: int, modules: Sequence[int]) -> list[tuple[int, int, int]]:
    """(input channels, output channels, stride) of each module. Raises ValueError for an unknown type."""
    if channels % 2:
        raise ValueError(f"channels must be an even number, not {channels}: the stem's first layer has half as many")
    plan = []
    for kind in modules:
        if kind not in (1, 2, 3, 4):
            raise ValueError(f"the type of a module must be 1, 2, 3 or 4, not {kind!r}")
        c_out = 2 * channels if kind in (2, 4) else channels
        plan.append((channels, c_out, 2 if kind in (3, 4) else 1))
        channels = c_out
    return plan


def operation(name: str, c_in: int, c_out: int, stride: int) -> nn.Module:
    """The module of one edge, [n, c_in, h, w] -> [n, c_out, ceil(h/stride), ceil(w/stride)]."""
    match name:
        case "none":
            return Zero(c_in, c_out, stride)
        case "skip_connect":
            return nn.Identity() if (c_in, stride) == (c_out, 1) else FactorizedReduction(c_in, c_out, stride)
        case "conv1x1":
            return ReLUConvBN(c_in, c_out, 1, stride)
        case "conv3x3":
            return ReLUConvBN(c_in, c_out, 3, stride)
    raise ValueError(f"no module for the operation {name!r}")


class ModuleNetwork(Network):
    """A stem that divides the resolution by 4, modules of several cells or blocks, pooling, linear classifier.

    Args:
        stages: one sequence of cells or residual blocks for each module.
        operations: names of the operations between stem and classifier.
        image_channels: channels of the input.
        first: output channels of the stem.
        last: output channels of the last stage.
        num_classes: length of the logits.
    """

    def __init__(
        self,
        stages: Sequence[nn.Sequential],
        operations: Sequence[str],
        image_channels: int,
        first: int,
        last: int,
        num_classes: int,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvBN(image_channels, first // 2, 3, 2), ReLUConvBN(first // 2, first, 3, 2))
        self.stages = nn.ModuleList(stages)
        self.classifier = nn.Linear(last, num_classes)
        self.operations = ("stem", *operations, "classifier")
        inner = (f"stages.{stage}.{index}" for stage, blocks in enumerate(stages) for index in range(len(blocks)))
        self.blocks = ("stem", *inner)

    def features(self, images: Tensor) -> Tensor:
        x: Tensor = self.stem(images)
        for stage in self.stages:
            x = stage(x)
        return x
