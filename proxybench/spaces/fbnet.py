"""FBNet: 22 layers, each one of nine blocks.

Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search", CVPR 2019,
tables 1 and 2, with the numbering of Li et al., "HW-NAS-Bench", ICLR 2021. The text form is that of NASFLAT, the
numbers joined by underscores: `7_8_1_...`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.chain import chain_graph
from proxybench.spaces.mixed_radix import sample_combinations
from proxybench.spaces.spelling import is_row

BLOCKS = ("k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip")
DEPTHS = (1, 4, 4, 4, 4, 4, 1)  # layers of each stage
CHANNELS = (16, 24, 32, 64, 112, 184, 352)  # of each stage
LAYERS = sum(DEPTHS)
LAYER_CHANNELS = tuple(width for width, depth in zip(CHANNELS, DEPTHS, strict=True) for _ in range(depth))
_TEXT = re.compile(r"[0-8](?:_[0-8]){21}", re.ASCII)


class FBNet(SearchSpace):
    """9^22 networks; the graph is the chain of layers, whose output channels are the attribute channels."""

    name = "fbnet"
    ops = ("input", *BLOCKS, "output")
    source = "Wu et al., CVPR 2019, https://arxiv.org/abs/1812.03443"
    example = "7_8_1_8_4_8_8_8_7_4_1_4_7_3_2_7_3_2_4_2_4_5"

    def build_graph(self, numbers: Sequence[int]) -> ArchGraph:
        """The architecture whose layers are these blocks, 22 numbers from 0 to 8. Raises InvalidArchitecture."""
        if len(numbers) != LAYERS or not set(numbers) <= set(range(len(BLOCKS))):
            raise self.invalid(numbers, f"not {LAYERS} numbers from 0 to {len(BLOCKS) - 1}")
        return chain_graph(self.name, [BLOCKS[number] for number in numbers], {"channels": LAYER_CHANNELS})

    def numbers(self, arch: ArchGraph) -> tuple[int, ...]:
        """The number of the block of each layer. Raises InvalidArchitecture."""
        self.require(arch)
        ops = arch.ops[1:-1]
        if len(ops) == LAYERS and set(ops) <= set(BLOCKS):
            numbers = tuple(BLOCKS.index(op) for op in ops)
            if self.build_graph(numbers) == arch:
                return numbers
        raise self.invalid(arch.ops, f"not a chain of {LAYERS} blocks of the space")

    def _parse(self, text: str) -> ArchGraph:
        if _TEXT.fullmatch(text) is None:
            raise self.invalid(text, f"not {LAYERS} numbers from 0 to {len(BLOCKS) - 1}, joined by underscores")
        return self.build_graph([int(number) for number in text.split("_")])

    def _text_of(self, value: Any) -> str | None:
        """A list of 22 numbers, also in the dictionary of HW-NAS-Bench, under op_idx_list."""
        if isinstance(value, Mapping) and "op_idx_list" in value:
            value = value["op_idx_list"]
        return "_".join(map(str, value)) if is_row(value, int) else None

    def format(self, arch: ArchGraph) -> str:
        return "_".join(map(str, self.numbers(arch)))

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different architectures, uniform over the space. Raises ValueError if n is negative."""
        return [self.build_graph(numbers) for numbers in sample_combinations([len(BLOCKS)] * LAYERS, n, seed)]

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """All architectures with another block in one layer."""
        numbers = self.numbers(arch)
        return [
            self.build_graph([*numbers[:layer], other, *numbers[layer + 1 :]])
            for layer, number in enumerate(numbers)
            for other in range(len(BLOCKS))
            if other != number
        ]
