"""The MnasNet space of Accel-NASBench: seven blocks of inverted residuals with variable size and attention.

Ahmad et al., "Accel-NASBench: Sustainable Benchmarking for Accelerator-Aware NAS", DAC 2024, appendix B. Each block
chooses the expansion factor, the depthwise kernel, the number of layers and whether squeeze-and-excitation is used;
output channels and strides are fixed. The text form is our own, one group per block: `e1k3l1se1-e6k3l2se1-...`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import ProductSpace
from proxybench.spaces.chain import chain_attr, chain_graph
from proxybench.spaces.spelling import is_row

EXPANSIONS = (1, 4, 6)
KERNELS = (3, 5)
LAYERS = ((1, 2, 3),) * 5 + ((1, 2, 3, 4), (1, 2, 3))
CHANNELS = (16, 24, 40, 80, 112, 192, 320)
STRIDES = (1, 2, 2, 2, 1, 2, 1)
BLOCKS = len(CHANNELS)
_KEYS = ("e", "k", "l", "se")
Block = tuple[int, int, int, int]  # expansion, kernel, layers, squeeze-and-excitation 0 or 1

_BLOCK = re.compile(r"e([0-9])k([0-9])l([0-9])se([01])", re.ASCII)
_LABEL = re.compile(r"mbconv_k([35])_e([146])", re.ASCII)


class MnasNet(ProductSpace):
    """104,485,552,128 networks: 12^7 (expansion, kernel, attention) times 3^6 * 4 (layers).

    The graph is the chain of blocks with the attributes channels, layers, squeeze_excitation and stride.
    """

    name = "mnasnet"
    ops = ("input", *(f"mbconv_k{kernel}_e{expansion}" for kernel in KERNELS for expansion in EXPANSIONS), "output")
    source = "Ahmad et al., DAC 2024, https://arxiv.org/abs/2404.08005"
    example = "e1k3l1se1-e6k3l2se1-e6k5l2se1-e6k3l3se1-e6k5l3se1-e6k5l4se1-e6k3l1se1"

    def choices(self) -> tuple[int, ...]:
        return tuple(options for layers in LAYERS for options in (len(EXPANSIONS), len(KERNELS), len(layers), 2))

    def from_choices(self, combination: tuple[int, ...]) -> ArchGraph:
        return self.from_blocks(
            [
                (EXPANSIONS[expansion], KERNELS[kernel], layers[depth], attention)
                for layers, expansion, kernel, depth, attention in zip(
                    LAYERS, combination[0::4], combination[1::4], combination[2::4], combination[3::4], strict=True
                )
            ]
        )

    def to_choices(self, arch: ArchGraph) -> tuple[int, ...]:
        return tuple(
            option
            for layers, (expansion, kernel, depth, attention) in zip(LAYERS, self.blocks(arch), strict=True)
            for option in (EXPANSIONS.index(expansion), KERNELS.index(kernel), layers.index(depth), attention)
        )

    def from_blocks(self, blocks: list[Block]) -> ArchGraph:
        """The architecture given by seven tuples (expansion, kernel, layers, squeeze-and-excitation 0 or 1)."""
        return chain_graph(
            self.name,
            [f"mbconv_k{kernel}_e{expansion}" for expansion, kernel, _, _ in blocks],
            {
                "channels": CHANNELS,
                "layers": [layers for _, _, layers, _ in blocks],
                "squeeze_excitation": [attention for *_, attention in blocks],
                "stride": STRIDES,
            },
        )

    def blocks(self, arch: ArchGraph) -> list[Block]:
        """(expansion, kernel, layers, squeeze-and-excitation 0 or 1) of each block."""
        self.require(arch)
        labels = [_LABEL.fullmatch(op) for op in arch.ops[1:-1]]
        layers, attention = chain_attr(arch, "layers"), chain_attr(arch, "squeeze_excitation")
        fits = set(layers) <= {1, 2, 3, 4} and set(attention) <= {0, 1}
        if fits and all(labels) and len(labels) == len(layers) == len(attention) == BLOCKS:
            blocks = [
                (int(label[2]), int(label[1]), int(depth), int(used))
                for label, depth, used in zip(labels, layers, attention, strict=True)
                if label is not None
            ]
            if self.misfit(blocks) is None and self.from_blocks(blocks) == arch:
                return blocks
        raise self.invalid(arch.ops, "not a chain of seven blocks of the space")

    def misfit(self, blocks: list[Block]) -> str | None:
        """Why `blocks` do not belong to the space, or None."""
        if len(blocks) != BLOCKS:
            return f"{len(blocks)} blocks instead of {BLOCKS}"
        for number, (block, layers) in enumerate(zip(blocks, LAYERS, strict=True)):
            for what, value, options in zip(
                ("expansion", "kernel", "number of layers", "squeeze-and-excitation"),
                block,
                (EXPANSIONS, KERNELS, layers, (0, 1)),
                strict=True,
            ):
                if value not in options:
                    return f"{what} {value} of block {number} is not one of {', '.join(map(str, options))}"
        return None

    def _parse(self, text: str) -> ArchGraph:
        matches = [_BLOCK.fullmatch(part) for part in text.split("-")]
        blocks = [
            (int(match[1]), int(match[2]), int(match[3]), int(match[4])) for match in matches if match is not None
        ]
        if len(blocks) != len(matches):
            raise self.invalid(text, "not groups of the form e6k3l2se0 joined by hyphens")
        reason = self.misfit(blocks)
        if reason is not None:
            raise self.invalid(text, reason)
        return self.from_blocks(blocks)

    def _text_of(self, value: Any) -> str | None:
        """Seven lists of expansion, kernel, layers and squeeze-and-excitation, or the files' {"block0_e": 6, ...}."""
        names = [[f"block{block}_{key}" for key in _KEYS] for block in range(BLOCKS)]
        if isinstance(value, Mapping) and value.keys() == {name for row in names for name in row}:
            value = tuple(tuple(value[name] for name in row) for row in names)
        if not isinstance(value, tuple) or not all(is_row(block, int) and len(block) == len(_KEYS) for block in value):
            return None
        return "-".join("".join(map("{}{}".format, _KEYS, block)) for block in value)

    def format(self, arch: ArchGraph) -> str:
        return "-".join(f"e{e}k{k}l{layers}se{attention}" for e, k, layers, attention in self.blocks(arch))
