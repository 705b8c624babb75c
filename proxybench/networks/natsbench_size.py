"""The network of a NATS-Bench size configuration: one fixed cell in five stages of chosen widths.

Dong et al., "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021, section 3.2.
"""

from __future__ import annotations

from torch import nn

from predictors.arch import ArchGraph
from proxybench.networks.layers import ConvBN, FourNodeCell, ReductionBlock, ReLUConvBN, require_sizes
from proxybench.networks.nasbench201 import CellNetwork
from proxybench.spaces.natsbench_size import CHANNELS, STAGES, NATSBenchSize


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    channels: int = 8,
) -> CellNetwork:
    """The network of `arch`: stem, cell, reduction, cell, reduction, cell.

    Its operations are the stem, the six edges of each cell, each reduction, and the classifier.

    Args:
        arch: an architecture of the space natsbench-size.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; any height and width will do.
        channels: number of channels for a width of 8, the smallest choice; all other widths scale in proportion.

    Raises:
        InvalidArchitecture: for a graph that is not a configuration of the space.
        ValueError: for a size below 1.
    """
    require_sizes(num_classes, in_shape, channels=channels)
    widths = [width * channels // CHANNELS[0] for width in NATSBenchSize().channels(arch)]
    blocks: list[nn.Module] = []
    c_in = widths[0]
    for stage, c_out in zip(STAGES, widths, strict=True):
        blocks.append(_cell(c_in, c_out) if stage == "cell" else ReductionBlock(c_in, c_out))
        c_in = c_out
    return CellNetwork(blocks, in_shape[0], widths[0], widths[-1], num_classes)


def _cell(c_in: int, c_out: int) -> FourNodeCell:
    """Five 3x3 convolutions and a skip connection on edge (0, 3), a projection if it changes the channels."""
    skip = nn.Identity() if c_in == c_out else ConvBN(c_in, c_out, 1)
    widths = (c_in, c_in, c_out, c_out, c_out)
    first, second, inner, fourth, fifth = (ReLUConvBN(width, c_out, 3) for width in widths)
    return FourNodeCell([first, second, inner, skip, fourth, fifth])
