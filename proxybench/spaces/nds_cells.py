"""The cell spaces of "On Network Design Spaces": NASNet, AmoebaNet, PNAS, ENAS and DARTS cells, width and depth.

Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019, section 5.1. Every state is the sum of
two operations; each can be any operation on any earlier input or state, including the same one twice. The output
concatenates the loose ends (states that no other state uses) in NASNet, AmoebaNet and ENAS, and all states in PNAS and
DARTS. The paper counts 71,465,842, 556,628, 556,628, 5,063 and 242 billion cells. The text is a genotype followed by
the number of channels and of cells, `Genotype(...) width=16 depth=8`; the graph is that of cell_genotype.py with the
attributes `width` and `depth`.

`sample` and `neighbours` stay within the paper's CIFAR networks: width 16, 24 or 32, depth 4, 8, 12, 16 or 20, and the
space's rule for the output. `parse` accepts width 1 to 1,024, depth 1 to 100 and any non-empty set of states as the
output, because sweeps on ImageNet and with fixed size use other values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from predictors.arch import ArchGraph
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.cell_genotype import (
    INPUTS,
    Cell,
    Entry,
    Genotype,
    all_states,
    format_genotype,
    genotype_graph,
    genotype_text,
    graph_genotype,
    labels,
    loose_ends,
    misfit,
    parse_genotype,
)
from proxybench.spaces.mixed_radix import sample_combinations
from proxybench.spaces.spelling import arguments, is_row

WIDTHS = (16, 24, 32)
DEPTHS = (4, 8, 12, 16, 20)
MAX_WIDTH = 1024
MAX_DEPTH = 100
_TEXT = re.compile(
    r"((?:[\w.]+\.)?Genotype\(.*\))\s+width=([1-9][0-9]{0,3})\s+depth=([1-9][0-9]{0,2})", re.ASCII | re.DOTALL
)


class NDSCellSpace(SearchSpace):
    """A cell space of the paper.

    Attributes:
        operations: possible labels of an entry.
        states: intermediate states per cell.
        output: which states the output of a cell concatenates.
    """

    source = "Radosavovic et al., ICCV 2019, https://arxiv.org/abs/1905.13214"
    operations: ClassVar[tuple[str, ...]]
    states: ClassVar[int]
    output: ClassVar[Literal["loose ends", "all states"]]

    def _parse(self, text: str) -> ArchGraph:
        match = _TEXT.fullmatch(text)
        if match is None:
            raise self.invalid(text, "not of the form Genotype(...) width=W depth=D")
        try:
            genotype = parse_genotype(match[1])
        except ValueError as error:
            raise self.invalid(text, str(error)) from None
        return self.build_graph(genotype, int(match[2]), int(match[3]))

    def _text_of(self, value: Any) -> str | None:
        """The genotype, as a call or as its fields, with width and depth: a dictionary, or the three in sequence."""
        parts = arguments(value, ("genotype", "width", "depth"))
        if parts is None or not is_row(parts[1:], int):
            return None
        genotype = parts[0] if isinstance(parts[0], str) else genotype_text(parts[0])
        return None if genotype is None else f"{genotype} width={parts[1]} depth={parts[2]}"

    def build_graph(self, genotype: Genotype, width: int, depth: int) -> ArchGraph:
        """The architecture given by two cells, channels and number of cells. Raises InvalidArchitecture."""
        reason = misfit(genotype, self.operations, self.states)
        if reason is None and not (1 <= width <= MAX_WIDTH and 1 <= depth <= MAX_DEPTH):
            reason = f"width must be 1 to {MAX_WIDTH} and depth 1 to {MAX_DEPTH}"
        if reason is not None:
            raise self.invalid(f"{format_genotype(genotype)} width={width} depth={depth}", reason)
        return genotype_graph(self.name, genotype, {"width": width, "depth": depth})

    def genotype(self, arch: ArchGraph) -> tuple[Genotype, int, int]:
        """The two cells, the width and the depth of `arch`."""
        self.require(arch)
        sizes = {name: int(values[0]) for name, values in arch.attrs if values and values[0] in range(1, MAX_WIDTH + 1)}
        if sizes.keys() != {"width", "depth"}:
            raise self.invalid(arch.attrs, "its nodes have no width and depth")
        try:
            genotype = graph_genotype(arch)
        except ValueError as error:
            raise self.invalid(arch.ops, str(error)) from None
        if self.build_graph(genotype, sizes["width"], sizes["depth"]) != arch:
            raise self.invalid(arch.attrs, "width and depth differ between nodes")
        return genotype, sizes["width"], sizes["depth"]

    def format(self, arch: ArchGraph) -> str:
        genotype, width, depth = self.genotype(arch)
        return f"{format_genotype(genotype)} width={width} depth={depth}"

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different networks, uniform over operations, inputs, widths and depths as in the paper."""
        cell = [
            options for position in range(2 * self.states) for options in (len(self.operations), INPUTS + position // 2)
        ]
        sampled = sample_combinations([len(WIDTHS), len(DEPTHS), *cell, *cell], n, seed)
        return [
            self.build_graph(
                Genotype(self._draw(choices[2 : 2 + len(cell)]), self._draw(choices[2 + len(cell) :])),
                WIDTHS[choices[0]],
                DEPTHS[choices[1]],
            )
            for choices in sampled
        ]

    def _draw(self, choices: Sequence[int]) -> Cell:
        operations = [self.operations[choice] for choice in choices[0::2]]
        return self._cell(list(zip(operations, choices[1::2], strict=True)))

    def _cell(self, entries: Sequence[Entry]) -> Cell:
        concat = loose_ends(entries) if self.output == "loose ends" else all_states(entries)
        return Cell(tuple(entries), concat)

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """One operation or one input changed, or another of the paper's widths or depths."""
        genotype, width, depth = self.genotype(arch)
        normal, reduce = genotype
        found = [(Genotype(cell, reduce), width, depth) for cell in self._cell_neighbours(normal)]
        found += [(Genotype(normal, cell), width, depth) for cell in self._cell_neighbours(reduce)]
        found += [(genotype, other, depth) for other in WIDTHS if other != width]
        found += [(genotype, width, other) for other in DEPTHS if other != depth]
        return [self.build_graph(*parts) for parts in found]

    def _cell_neighbours(self, cell: Cell) -> list[Cell]:
        found = []
        for position, (op, source) in enumerate(cell.entries):
            changed = [(another, source) for another in self.operations if another != op]
            changed += [(op, another) for another in range(INPUTS + position // 2) if another != source]
            found += [self._cell([*cell.entries[:position], entry, *cell.entries[position + 1 :]]) for entry in changed]
        return found


def _example(entries: str, concat: tuple[int, ...]) -> str:
    """The text of a network with two equal cells, from `op input op input ...`."""
    words = entries.split()
    cell = Cell(tuple(zip(words[0::2], map(int, words[1::2]), strict=True)), concat)
    return f"{format_genotype(Genotype(cell, cell))} width=16 depth=8"


class NASNet(NDSCellSpace):
    """13 operations, 5 states, the output concatenates the loose ends."""

    name = "nds-nasnet"
    operations = (
        "skip_connect",
        "conv_3x1_1x3",
        "conv_7x1_1x7",
        "dil_conv_3x3",
        "avg_pool_3x3",
        "max_pool_3x3",
        "max_pool_5x5",
        "max_pool_7x7",
        "conv_1x1",
        "conv_3x3",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
    )
    ops = labels(operations)
    states = 5
    output = "loose ends"
    example = _example(
        "sep_conv_5x5 1 sep_conv_3x3 0 sep_conv_5x5 0 sep_conv_3x3 0 "
        "avg_pool_3x3 1 skip_connect 0 avg_pool_3x3 0 avg_pool_3x3 0 "
        "sep_conv_3x3 1 skip_connect 1",
        (2, 3, 4, 5, 6),
    )


class Amoeba(NDSCellSpace):
    """8 operations, 5 states, the output concatenates the loose ends."""

    name = "nds-amoeba"
    operations = (
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
        "avg_pool_3x3",
        "max_pool_3x3",
        "dil_sep_conv_3x3",
        "conv_7x1_1x7",
    )
    ops = labels(operations)
    states = 5
    output = "loose ends"
    example = _example(
        "avg_pool_3x3 0 max_pool_3x3 1 sep_conv_3x3 0 sep_conv_5x5 2 "
        "sep_conv_3x3 0 avg_pool_3x3 3 sep_conv_3x3 1 skip_connect 1 "
        "skip_connect 0 avg_pool_3x3 1",
        (4, 5, 6),
    )


class PNAS(NDSCellSpace):
    """8 operations, 5 states, the output concatenates all states."""

    name = "nds-pnas"
    operations = (
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
        "conv_7x1_1x7",
        "skip_connect",
        "avg_pool_3x3",
        "max_pool_3x3",
        "dil_conv_3x3",
    )
    ops = labels(operations)
    states = 5
    output = "all states"
    example = _example(
        "sep_conv_5x5 0 max_pool_3x3 0 sep_conv_7x7 1 max_pool_3x3 1 "
        "sep_conv_5x5 1 sep_conv_3x3 1 sep_conv_3x3 4 max_pool_3x3 1 "
        "sep_conv_3x3 0 skip_connect 1",
        (2, 3, 4, 5, 6),
    )


class ENAS(NDSCellSpace):
    """5 operations, 5 states, the output concatenates the loose ends."""

    name = "nds-enas"
    operations = ("skip_connect", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
    ops = labels(operations)
    states = 5
    output = "loose ends"
    example = _example(
        "sep_conv_3x3 1 skip_connect 1 sep_conv_5x5 1 skip_connect 0 "
        "avg_pool_3x3 0 sep_conv_3x3 1 sep_conv_3x3 0 avg_pool_3x3 1 "
        "sep_conv_5x5 1 avg_pool_3x3 0",
        (2, 3, 4, 5, 6),
    )


class NDSDarts(NDSCellSpace):
    """8 operations with `none`, 4 states, the output concatenates all states."""

    name = "nds-darts"
    operations = (
        "none",
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "dil_conv_3x3",
        "dil_conv_5x5",
    )
    ops = labels(operations)
    states = 4
    output = "all states"
    example = _example(
        "sep_conv_3x3 0 sep_conv_3x3 1 sep_conv_3x3 0 sep_conv_3x3 1 "
        "sep_conv_3x3 1 skip_connect 0 skip_connect 0 dil_conv_3x3 2",
        (2, 3, 4, 5),
    )
