"""DARTS, the space of NAS-Bench-301: two cells of four states, each state the sum of two operations.

Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.1 and 3.1; Siems et al.,
"NAS-Bench-301 and the Case for Surrogate Benchmarks", 2020. Text and graph are those of cell_genotype.py. Derived
DARTS cells have no `none` and two different inputs per state; `sample` and `neighbours` follow this rule, while
`parse` also accepts `none` and equal inputs, because published tables contain them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

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
    misfit,
    parse_genotype,
)
from proxybench.spaces.mixed_radix import sample_combinations

OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
STATES = 4
_SEARCHED = OPERATIONS[1:]
_INPUT_PAIRS = [tuple(itertools.combinations(range(INPUTS + state), 2)) for state in range(STATES)]


class DARTS(SearchSpace):
    """About 10^18 cell pairs without `none`: (1 * 3 * 6 * 10 * 7^8)^2."""

    name = "darts"
    ops = labels(OPERATIONS)
    source = "Liu, Simonyan and Yang, ICLR 2019, https://arxiv.org/abs/1806.09055"
    example = (
        "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
        "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
        "normal_concat=[2, 3, 4, 5], "
        "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), "
        "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
        "reduce_concat=[2, 3, 4, 5])"
    )

    def _parse(self, text: str) -> ArchGraph:
        try:
            genotype = parse_genotype(text)
        except ValueError as error:
            raise self.invalid(text, str(error)) from None
        reason = self._misfit(genotype)
        if reason is not None:
            raise self.invalid(text, reason)
        return genotype_graph(self.name, genotype)

    def _text_of(self, value: Any) -> str | None:
        """A genotype: the named tuple itself, or its four fields."""
        return genotype_text(value)

    def _misfit(self, genotype: Genotype) -> str | None:
        reason = misfit(genotype, OPERATIONS, STATES)
        if reason is None and any(cell.concat != all_states(cell.entries) for cell in genotype):
            return "the output of a cell concatenates all of its states, [2, 3, 4, 5]"
        return reason

    def genotype(self, arch: ArchGraph) -> Genotype:
        """The two cells of `arch`."""
        self.require(arch)
        try:
            genotype = graph_genotype(arch)
        except ValueError as error:
            raise self.invalid(arch.ops, str(error)) from None
        reason = "its nodes have attributes" if arch.attrs else self._misfit(genotype)
        if reason is not None:
            raise self.invalid(arch.ops, reason)
        return genotype

    def format(self, arch: ArchGraph) -> str:
        return format_genotype(self.genotype(arch))

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different pairs of cells, uniform over those without `none` and with two inputs per state."""
        options = [count for pairs in _INPUT_PAIRS for count in (len(pairs), len(_SEARCHED), len(_SEARCHED))] * 2
        return [
            genotype_graph(self.name, Genotype(_draw(choices[:12]), _draw(choices[12:])))
            for choices in sample_combinations(options, n, seed)
        ]

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """One operation replaced (never by `none`), or one input replaced by one that its state does not use."""
        normal, reduce = self.genotype(arch)
        pairs = [Genotype(cell, reduce) for cell in _cell_neighbours(normal)]
        pairs += [Genotype(normal, cell) for cell in _cell_neighbours(reduce)]
        return [genotype_graph(self.name, pair) for pair in pairs]


def _cell(entries: Sequence[Entry]) -> Cell:
    return Cell(tuple(entries), all_states(entries))


def _draw(choices: Sequence[int]) -> Cell:
    """The cell given by 12 choices: a pair of inputs and two operations for each state."""
    entries: list[Entry] = []
    for state, pairs in enumerate(_INPUT_PAIRS):
        pair, first, second = choices[3 * state : 3 * state + 3]
        entries += zip((_SEARCHED[first], _SEARCHED[second]), pairs[pair], strict=True)
    return _cell(entries)


def _cell_neighbours(cell: Cell) -> list[Cell]:
    found = []
    for position, (op, source) in enumerate(cell.entries):
        _, other = cell.entries[position ^ 1]  # the state's second entry
        changed = [(another, source) for another in _SEARCHED if another != op]
        changed += [(op, another) for another in range(INPUTS + position // 2) if another not in (source, other)]
        found += [_cell([*cell.entries[:position], entry, *cell.entries[position + 1 :]]) for entry in changed]
    return found
