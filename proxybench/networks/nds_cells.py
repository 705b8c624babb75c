"""The networks of NASNet, AmoebaNet, PNAS, ENAS and DARTS cells in "On Network Design Spaces".

Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019, section 5.1: the cells of every space
are used in the networks of DARTS, with the width (channels of the first cells) and depth (number of cells) as part of
the architecture.
"""

from __future__ import annotations

from predictors.arch import ArchGraph
from proxybench.errors import InvalidArchitecture
from proxybench.networks.cell_network import GenotypeNetwork, Stem
from proxybench.spaces.nds_cells import ENAS, PNAS, Amoeba, NASNet, NDSCellSpace, NDSDarts

_SPACES: dict[str, type[NDSCellSpace]] = {space.name: space for space in (NASNet, Amoeba, PNAS, ENAS, NDSDarts)}


def build(
    arch: ArchGraph,
    num_classes: int = 10,
    in_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    channels: int | None = None,
    cells: int | None = None,
    stem: Stem = "cifar",
    stem_multiplier: int = 3,
) -> GenotypeNetwork:
    """The network of `arch`, without auxiliary head.

    Args:
        arch: an architecture of nds-nasnet, nds-amoeba, nds-pnas, nds-enas or nds-darts.
        num_classes: length of the logits.
        in_shape: (channels, height, width) of an image; any height and width will do.
        channels: channels of a state in the first cells; the architecture's width by default.
        cells: number of cells; the architecture's depth by default.
        stem: "cifar" keeps the resolution, "imagenet" divides it by 8.
        stem_multiplier: the CIFAR stem has this many times `channels`.

    Raises:
        InvalidArchitecture: for a graph of another space, or one that is not an architecture of its space.
        ValueError: for a size below 1, an unknown stem, or an odd number of channels with the ImageNet stem.
    """
    if arch.space not in _SPACES:
        raise InvalidArchitecture(
            f"a {arch.space!r} graph has no NDS cells; spaces with NDS cells: {', '.join(_SPACES)}"
        )
    genotype, width, depth = _SPACES[arch.space]().genotype(arch)
    return GenotypeNetwork(
        genotype,
        num_classes,
        in_shape,
        width if channels is None else channels,
        depth if cells is None else cells,
        stem,
        stem_multiplier,
    )
