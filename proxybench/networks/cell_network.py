"""The network of a genotype: a stem, a sequence of normal and reduction cells, a linear classifier.

Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, sections 3.1 and A.2, with the stems
for CIFAR and ImageNet; "On Network Design Spaces" (Radosavovic et al., ICCV 2019, section 5.1) builds its five cell
spaces in the same way. The cells after one third and two thirds of the depth are reductions: they double the
channels, and their operations on a cell's two inputs have stride 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from proxybench.networks.base import Network
from proxybench.networks.cell_operations import operation
from proxybench.networks.layers import ConvBN, FactorizedReduction, ReLUConvBN, require_sizes
from proxybench.spaces.cell_genotype import INPUTS, Cell, Genotype

Stem = Literal["cifar", "imagenet"]
MakeOperation = Callable[[str, int, int], nn.Module]  # takes a name, channels and stride


class GenotypeCell(nn.Module):
    """One cell: [n, inputs[0], 2h or h, ...] and [n, inputs[1], h, w] -> [n, len(concat) * channels, h', w'].

    Args:
        cell: entries and output of the cell; h' = ceil(h/2) if it is a reduction, otherwise h' = h.
        inputs: output channels of the cell before the previous one, and of the previous cell.
        channels: channels of each state.
        reduction: whether operations on the two inputs have stride 2.
        after_reduction: whether the previous cell halved the resolution, so that the first input is twice as large.
        make: function that creates the operations.

    Attributes:
        channels: output channels.
        pieces: names of the two projections and the operations, in forward order.
    """

    def __init__(
        self,
        cell: Cell,
        inputs: tuple[int, int],
        channels: int,
        reduction: bool,
        after_reduction: bool,
        make: MakeOperation,
    ) -> None:
        super().__init__()
        preprocess = FactorizedReduction if after_reduction else _project
        self.preprocess0 = preprocess(inputs[0], channels)
        self.preprocess1 = _project(inputs[1], channels)
        self.operations = nn.ModuleList(
            make(name, channels, 2 if reduction and source < INPUTS else 1) for name, source in cell.entries
        )
        self.sources = tuple(source for _, source in cell.entries)
        self.concat = cell.concat
        self.channels = channels * len(cell.concat)
        self.pieces = ("preprocess0", "preprocess1", *_names("operations", self.operations))

    def forward(self, before_last: Tensor, last: Tensor) -> Tensor:
        states = [self.preprocess0(before_last), self.preprocess1(last)]
        terms: list[Tensor] = []
        for module, source in zip(self.operations, self.sources, strict=True):
            terms.append(module(states[source]))
            if len(terms) == 2:
                states.append(terms[0] + terms[1])
                terms = []
        return torch.cat([states[state] for state in self.concat], dim=1)


def _project(c_in: int, c_out: int) -> nn.Module:
    return ReLUConvBN(c_in, c_out, 1)


class GenotypeNetwork(Network):
    """Stem, cells, pooling, linear classifier; without auxiliary head and drop-path, which are used only in training.

    Its operations are the pieces of the stem; for each cell, the two projections of its inputs and then its
    operations in the order of the genotype; and the classifier. With 4 states per cell that makes 1 + 10 * cells + 1
    operations on CIFAR and one more on ImageNet. Any height and width will do; halved resolutions are rounded up.

    Args:
        genotype: the normal and the reduction cell.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image.
        channels: channels of a state in the first cells.
        cells: number of cells.
        stem: "cifar" keeps the resolution, "imagenet" divides it by 8.
        stem_multiplier: the CIFAR stem has this many times `channels`.
        make: function that creates the operations of the cells.

    Raises:
        ValueError: for a size below 1, an unknown stem, or an odd number of channels with the ImageNet stem.
    """

    def __init__(
        self,
        genotype: Genotype,
        num_classes: int,
        in_shape: tuple[int, int, int],
        channels: int,
        cells: int,
        stem: Stem = "cifar",
        stem_multiplier: int = 3,
        make: MakeOperation = operation,
    ) -> None:
        super().__init__()
        if stem not in get_args(Stem):
            raise ValueError(f"stem must be one of {', '.join(get_args(Stem))}, not {stem!r}")
        require_sizes(num_classes, in_shape, channels=channels, cells=cells, stem_multiplier=stem_multiplier)
        halved = stem == "imagenet"
        width = channels if halved else channels * stem_multiplier
        self.stem = _imagenet_stem(in_shape[0], width) if halved else nn.ModuleList([ConvBN(in_shape[0], width, 3)])
        modules = list(_cells(genotype, width, channels, cells, halved, make))
        self.cells = nn.ModuleList(modules)
        self.classifier = nn.Linear(modules[-1].channels, num_classes)
        stems, blocks = _names("stem", self.stem), _names("cells", self.cells)
        self.blocks = (*stems, *blocks)
        pieces = (f"{block}.{piece}" for block, cell in zip(blocks, modules, strict=True) for piece in cell.pieces)
        self.operations = (*stems, *pieces, "classifier")

    def features(self, images: Tensor) -> Tensor:
        before_last = last = self.stem[0](images)
        for stem in self.stem[1:]:
            before_last, last = last, stem(last)
        for cell in self.cells:
            before_last, last = last, cell(before_last, last)
        out: Tensor = last
        return out


def _names(prefix: str, modules: nn.ModuleList) -> list[str]:
    return [f"{prefix}.{index}" for index in range(len(modules))]


def _imagenet_stem(image_channels: int, channels: int) -> nn.ModuleList:
    """Two pieces that divide the resolution by 4, then by 2; the first cell takes the outputs of both."""
    if channels % 2:
        raise ValueError(f"the ImageNet stem starts with half the channels and needs an even number, not {channels}")
    first = [ConvBN(image_channels, channels // 2, 3, stride=2), nn.ReLU(), ConvBN(channels // 2, channels, 3, 2)]
    return nn.ModuleList([nn.Sequential(*first), ReLUConvBN(channels, channels, 3, stride=2)])


def _cells(
    genotype: Genotype, width: int, channels: int, cells: int, halved: bool, make: MakeOperation
) -> Iterator[GenotypeCell]:
    """The cells after a stem of `width` channels; `halved`: whether its last piece halved the resolution."""
    inputs = (width, width)
    for index in range(cells):
        reduction = index in (cells // 3, 2 * cells // 3)
        if reduction:
            channels *= 2
        kind = genotype.reduce if reduction else genotype.normal
        cell = GenotypeCell(kind, inputs, channels, reduction, halved, make)
        yield cell
        inputs, halved = (inputs[1], cell.channels), reduction
