"""The network of a DARTS genotype, as trained after the search.

Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, sections 3.1 (CIFAR-10: 20 cells, 36
channels) and A.2 (ImageNet: 14 cells, 48 channels). NAS-Bench-301 (Siems et al., 2020) trains the CIFAR network with
channels=32, cells=8; NAS-Bench-Suite-Zero computes its proxies with these values and search_operations=True.
"""

from __future__ import annotations

from predictors.arch import ArchGraph
from proxybench.networks.cell_network import GenotypeNetwork, Stem
from proxybench.networks.cell_operations import operation, search_operation
from proxybench.spaces.darts import DARTS

_PUBLISHED = {"cifar": (36, 20), "imagenet": (48, 14)}  # channels and cells of each stem


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    channels: int | None = None,
    cells: int | None = None,
    stem: Stem = "cifar",
    stem_multiplier: int = 3,
    search_operations: bool = False,
) -> GenotypeNetwork:
    """The network of `arch`, without auxiliary head.

    Args:
        arch: an architecture of the space darts.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; any height and width will do.
        channels: channels of a state in the first cells; by default 36 with the CIFAR stem, 48 with the ImageNet stem.
        cells: number of cells; by default 20 and 14.
        stem: "cifar" keeps the resolution, "imagenet" divides it by 8.
        stem_multiplier: the CIFAR stem has this many times `channels`.
        search_operations: use the batch normalisation of the search phase, without weights and also after pooling.

    Raises:
        InvalidArchitecture: for a graph that is not a pair of DARTS cells.
        ValueError: for a size below 1, an unknown stem, or an odd number of channels with the ImageNet stem.
    """
    genotype = DARTS().genotype(arch)
    usual_channels, usual_cells = _PUBLISHED.get(stem, _PUBLISHED["cifar"])  # the network rejects any other stem
    return GenotypeNetwork(
        genotype,
        num_classes,
        in_shape,
        usual_channels if channels is None else channels,
        usual_cells if cells is None else cells,
        stem,
        stem_multiplier,
        search_operation if search_operations else operation,
    )
