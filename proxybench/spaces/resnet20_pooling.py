"""ResNet-20 with two poolings at any two of nine places.

Javan, Toews and Pedersoli, "Balanced Mixture of SuperNets for Learning the CNN Pooling Architecture", AutoML 2023. The
text form is the published one without commas, a 1 for each layer before which the resolution is halved: `0000100100`
pools before the fourth and the seventh residual block. The first digit, that of the stem, is always 0. The index order
is that of the authors' enumeration, and one less than the number in their results.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

from predictors.arch import ArchGraph
from proxybench.errors import InvalidArchitecture
from proxybench.spaces.base import EnumerableSpace
from proxybench.spaces.chain import chain_graph
from proxybench.spaces.spelling import is_row

BLOCKS = 9
POOLINGS = 2
PLACES = tuple(combinations(range(BLOCKS), POOLINGS))
_TEXT = re.compile(r"0([01]{9})", re.ASCII)
_OPS = ("block", "pool_block")


class ResNet20Pooling(EnumerableSpace):
    """36 networks; the graph is the chain of nine residual blocks, labelled by whether pooling comes before them."""

    name = "resnet20-pooling"
    ops = ("input", *_OPS, "output")
    source = "Javan et al., AutoML 2023, https://arxiv.org/abs/2306.11982"
    example = "0000100100"

    def __len__(self) -> int:
        return len(PLACES)

    def __getitem__(self, index: int) -> ArchGraph:
        return self.build_graph(PLACES[range(len(PLACES))[index]])

    def index(self, arch: ArchGraph) -> int:
        return PLACES.index(self.places(arch))

    def build_graph(self, places: tuple[int, ...]) -> ArchGraph:
        """The architecture that pools before these blocks, 0 to 8, in ascending order. Raises InvalidArchitecture."""
        if places not in PLACES:
            raise self.invalid(places, "not two different blocks of nine in ascending order")
        return chain_graph(self.name, [_OPS[block in places] for block in range(BLOCKS)], {})

    def places(self, arch: ArchGraph) -> tuple[int, ...]:
        """The blocks, 0 to 8, before which the network pools. Raises InvalidArchitecture."""
        self.require(arch)
        places = tuple(block for block, op in enumerate(arch.ops[1:-1]) if op == "pool_block")
        if places not in PLACES or self.build_graph(places) != arch:
            raise self.invalid(arch.ops, "not a chain of nine blocks with two poolings")
        return places

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """All architectures with one pooling moved to another block."""
        here = set(self.places(arch))
        return [self.build_graph(places) for places in PLACES if len(here & set(places)) == POOLINGS - 1]

    def _parse(self, text: str) -> ArchGraph:
        match = _TEXT.fullmatch(text)
        if match is None:
            raise self.invalid(text, "not a 0 and nine digits 0 or 1")
        try:
            return self.build_graph(tuple(block for block in range(BLOCKS) if match[1][block] == "1"))
        except InvalidArchitecture:
            raise self.invalid(text, f"not {POOLINGS} poolings") from None

    def _text_of(self, value: Any) -> str | None:
        """Ten numbers, such as [0, 0, 0, 0, 1, 0, 0, 1, 0, 0]."""
        return "".join(map(str, value)) if is_row(value, int) else None

    def format(self, arch: ArchGraph) -> str:
        places = self.places(arch)
        return "".join(["0", *(str(int(block in places)) for block in range(BLOCKS))])
