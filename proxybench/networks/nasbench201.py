"""The network of a NAS-Bench-201 (NATS-Bench topology) cell: three stages of one cell, repeated.

Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020, section
2.1 and figure 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.networks.base import Network
from proxybench.networks.layers import ConvBN, FourNodeCell, ReductionBlock, ReLUConvBN, Zero, require_sizes
from proxybench.spaces.line_graph import FOUR_NODE_CELL
from proxybench.spaces.nasbench201 import NASBench201


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    channels: int = 16,
    cells: int = 5,
) -> CellNetwork:
    """The network of `arch`.

    Args:
        arch: an architecture of the space nasbench201.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; any height and width will do.
        channels: of the first stage; the second has twice, the third four times as many.
        cells: number of cells in each of the three stages.

    Raises:
        InvalidArchitecture: for a graph that is not a cell of the space.
        ValueError: for a size below 1.
    """
    names = NASBench201().cell_operations(arch)
    return assemble(lambda edge, width: operation(names[edge], width), num_classes, in_shape, channels, cells)


def assemble(
    make: Callable[[int, int], nn.Module], num_classes: int, in_shape: tuple[int, int, int], channels: int, cells: int
) -> CellNetwork:
    """The network around the cells; `make` returns the module of an edge, 0 to 5, with a number of channels.

    Raises:
        ValueError: for a size below 1.
    """
    require_sizes(num_classes, in_shape, channels=channels, cells=cells)
    blocks: list[nn.Module] = []
    for stage, width in enumerate((channels, 2 * channels, 4 * channels)):
        if stage:
            blocks.append(ReductionBlock(width // 2, width))
        blocks += [FourNodeCell(make(edge, width) for edge in range(len(FOUR_NODE_CELL))) for _ in range(cells)]
    return CellNetwork(blocks, in_shape[0], channels, 4 * channels, num_classes)


def operation(name: str, channels: int) -> nn.Module:
    """The module of one edge, shape-preserving on [n, channels, h, w]."""
    match name:
        case "none":
            return Zero(channels, channels)
        case "skip_connect":
            return nn.Identity()
        case "nor_conv_1x1":
            return ReLUConvBN(channels, channels, 1)
        case "nor_conv_3x3":
            return ReLUConvBN(channels, channels, 3)
        case "avg_pool_3x3":
            return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    raise ValueError(f"no module for the operation {name!r}")


class CellNetwork(Network):
    """Stem, blocks (cells and reductions), batch normalisation and ReLU, pooling, linear classifier.

    Its operations are the stem, the six edges of each cell in the order of the line graph's nodes 1-6, each
    reduction as a whole, and the classifier: 2 + 6 * 3 * cells + 2 entries.

    Args:
        blocks: FourNodeCell and ReductionBlock modules in forward order.
        image_channels: channels of the input.
        first: output channels of the stem.
        last: output channels of the last block.
        num_classes: length of the logits.
    """

    def __init__(
        self, blocks: Iterable[nn.Module], image_channels: int, first: int, last: int, num_classes: int
    ) -> None:
        super().__init__()
        self.stem = ConvBN(image_channels, first, 3)
        self.cells = nn.ModuleList(blocks)
        self.last = nn.Sequential(nn.BatchNorm2d(last), nn.ReLU())
        self.classifier = nn.Linear(last, num_classes)
        self.blocks = ("stem", *(f"cells.{index}" for index in range(len(self.cells))))
        operations = ["stem"]
        for index, block in enumerate(self.cells):
            if isinstance(block, FourNodeCell):
                operations += [f"cells.{index}.edges.{edge}" for edge in range(len(block.edges))]
            else:
                operations.append(f"cells.{index}")
        self.operations = (*operations, "classifier")

    def features(self, images: Tensor) -> Tensor:
        x: Tensor = self.stem(images)
        for block in self.cells:
            x = block(x)
        out: Tensor = self.last(x)
        return out
