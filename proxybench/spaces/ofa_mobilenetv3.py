"""Once-for-all MobileNetV3: five stages of two to four inverted residuals, and the resolution of the image.

Cai et al., "Once-for-All: Train One Network and Specialize It for Efficient Deployment", ICLR 2020. Each block chooses
its kernel and its expansion factor. The text form is our own: `r224:k3e6.k5e4-...` has the resolution and one group per
stage, with one `kKERNELeEXPANSION` per block. What a shallower network does not use is not in the text, so that equal
networks have equal texts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.chain import chain_attr, chain_graph
from proxybench.spaces.spelling import is_row

KERNELS = (3, 5, 7)
EXPANSIONS = (3, 4, 6)
DEPTHS = (2, 3, 4)
CHANNELS = (24, 40, 80, 112, 160)
RESOLUTIONS = tuple(range(128, 225, 4))
Block = tuple[int, int]  # kernel, expansion
Stages = Sequence[Sequence[Block]]

_TEXT = re.compile(r"r([0-9]{3}):([ke0-9.-]+)", re.ASCII)
_BLOCK = re.compile(r"k([0-9])e([0-9])", re.ASCII)
_LABEL = re.compile(r"mbconv_k([357])_e([346])", re.ASCII)


class OFAMobileNetV3(SearchSpace):
    """(9^2 + 9^3 + 9^4)^5 networks, some 2 * 10^19, at each of 25 resolutions.

    The graph is the chain of the present blocks, with the attributes channels and resolution of the image.
    """

    name = "ofa-mobilenetv3"
    ops = ("input", *(f"mbconv_k{kernel}_e{expansion}" for kernel in KERNELS for expansion in EXPANSIONS), "output")
    source = "Cai et al., ICLR 2020, https://arxiv.org/abs/1908.09791"
    example = "r224:k3e6.k5e4-k3e3.k3e4-k7e6.k7e6.k3e3-k5e4.k5e4-k3e6.k5e6.k7e6.k3e3"

    def build_graph(self, resolution: int, stages: Stages) -> ArchGraph:
        """The architecture with these (kernel, expansion) of the blocks of each stage. Raises InvalidArchitecture."""
        reason = _misfit(resolution, stages)
        if reason is not None:
            raise self.invalid((resolution, stages), reason)
        ops = [f"mbconv_k{kernel}_e{expansion}" for stage in stages for kernel, expansion in stage]
        channels = [width for width, stage in zip(CHANNELS, stages, strict=True) for _ in stage]
        return chain_graph(self.name, ops, {"channels": channels, "resolution": [resolution] * len(ops)})

    def stages(self, arch: ArchGraph) -> tuple[int, list[list[Block]]]:
        """The resolution, and (kernel, expansion) of the blocks of each stage. Raises InvalidArchitecture."""
        self.require(arch)
        labels = [_LABEL.fullmatch(op) for op in arch.ops[1:-1]]
        widths, resolutions = chain_attr(arch, "channels"), set(chain_attr(arch, "resolution"))
        if len(labels) == len(widths) and all(labels) and len(resolutions) == 1:
            blocks = [(int(label[1]), int(label[2])) for label in labels if label is not None]
            stages = [[block for block, one in zip(blocks, widths, strict=True) if one == width] for width in CHANNELS]
            (resolution,) = resolutions
            if _misfit(resolution, stages) is None and self.build_graph(int(resolution), stages) == arch:
                return int(resolution), stages
        raise self.invalid(arch.ops, "not a chain of five stages of inverted residuals")

    def _parse(self, text: str) -> ArchGraph:
        match = _TEXT.fullmatch(text)
        groups = match[2].split("-") if match is not None else []
        found = [[_BLOCK.fullmatch(block) for block in group.split(".")] for group in groups]
        stages = [[(int(one[1]), int(one[2])) for one in group if one is not None] for group in found]
        if match is None or any(None in group for group in found):
            raise self.invalid(text, "not a resolution such as r224: and five groups of the form k3e6.k5e4")
        reason = _misfit(int(match[1]), stages)
        if reason is not None:
            raise self.invalid(text, reason)
        return self.build_graph(int(match[1]), stages)

    def _text_of(self, value: Any) -> str | None:
        """The published dictionary: lists ks and e of 20 blocks, d of the five stages, and the resolution r."""
        if not isinstance(value, Mapping) or not {"ks", "e", "d", "r"} <= value.keys() <= {"ks", "e", "d", "r", "wid"}:
            return None
        kernels, expansions, depths, resolution = (value[name] for name in ("ks", "e", "d", "r"))
        resolution = resolution if isinstance(resolution, tuple) else (resolution,)
        rows = ((kernels, 20), (expansions, 20), (depths, len(CHANNELS)), (resolution, 1))
        if not all(is_row(row, int) and len(row) == length for row, length in rows) or value.get("wid") is not None:
            return None
        blocks = [f"k{kernel}e{expansion}" for kernel, expansion in zip(kernels, expansions, strict=True)]
        if not set(depths) <= set(DEPTHS):
            return None
        groups = [".".join(blocks[4 * stage : 4 * stage + depth]) for stage, depth in enumerate(depths)]
        return f"r{resolution[0]}:{'-'.join(groups)}"

    def format(self, arch: ArchGraph) -> str:
        resolution, stages = self.stages(arch)
        groups = [".".join(f"k{kernel}e{expansion}" for kernel, expansion in stage) for stage in stages]
        return f"r{resolution}:{'-'.join(groups)}"

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different architectures: resolution, depths, kernels and expansions each uniform, skipping earlier draws.

        Raises:
            ValueError: if n is negative.
        """
        if n < 0:
            raise ValueError(f"a sample has 0 or more architectures; {n} were requested")
        draw = random.Random(seed)
        drawn: dict[ArchGraph, None] = {}
        while len(drawn) < n:
            resolution, depths = draw.choice(RESOLUTIONS), [draw.choice(DEPTHS) for _ in CHANNELS]
            stages = [[(draw.choice(KERNELS), draw.choice(EXPANSIONS)) for _ in range(depth)] for depth in depths]
            drawn.setdefault(self.build_graph(resolution, stages))
        return list(drawn)

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """The next resolutions; another kernel or expansion of a block; the last block of a stage removed or added."""
        resolution, stages = self.stages(arch)
        found: list[ArchGraph] = [
            self.build_graph(other, stages) for other in (resolution - 4, resolution + 4) if other in RESOLUTIONS
        ]
        for number, stage in enumerate(stages):
            changed = [
                [*stage[:place], block, *stage[place + 1 :]]
                for place, (kernel, expansion) in enumerate(stage)
                for block in (
                    *((other, expansion) for other in KERNELS if other != kernel),
                    *((kernel, other) for other in EXPANSIONS if other != expansion),
                )
            ]
            if len(stage) > DEPTHS[0]:
                changed.append(stage[:-1])
            if len(stage) < DEPTHS[-1]:
                changed += [[*stage, (kernel, expansion)] for kernel in KERNELS for expansion in EXPANSIONS]
            found += [self.build_graph(resolution, [*stages[:number], one, *stages[number + 1 :]]) for one in changed]
        return found


def _misfit(resolution: float, stages: Stages) -> str | None:
    """Why these choices do not belong to the space, or None."""
    if resolution not in RESOLUTIONS:
        return f"resolution {resolution:g} is not one of 128, 132, ... 224"
    if len(stages) != len(CHANNELS):
        return f"{len(stages)} stages instead of {len(CHANNELS)}"
    for number, stage in enumerate(stages):
        if len(stage) not in DEPTHS:
            return f"{len(stage)} blocks in stage {number} are not among {', '.join(map(str, DEPTHS))}"
        for kernel, expansion in stage:
            if kernel not in KERNELS or expansion not in EXPANSIONS:
                return f"kernel {kernel} with expansion {expansion} in stage {number} is not a block of the space"
    return None
