"""Pooling-based vision transformers: three stages of layers between which pooling halves the resolution.

Heo et al., "Rethinking Spatial Dimensions of Vision Transformers", ICCV 2021, with the choices of ViT-Bench-101 (Wei
et al., "Auto-Prox", AAAI 2024): channels per head, MLP ratio, depth and heads of each stage. A stage never has fewer
heads than the one before, since the pooling is a convolution with one group per input channel. The text form is our
own: `b16-r6-d2h2-d8h4-d4h4` has 16 channels per head and three stages, the first of two layers with two heads.
"""

from __future__ import annotations

import re
from itertools import combinations_with_replacement, pairwise
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import ProductSpace
from proxybench.spaces.chain import chain_attr, chain_graph
from proxybench.spaces.spelling import is_row

HEAD_CHANNELS = (16, 24, 32, 40)
RATIOS = (2, 4, 6, 8)
DEPTHS = ((1, 2, 3), (4, 6, 8), (2, 4, 6))
HEADS = (2, 4, 8)
HEAD_TRIPLES = tuple(combinations_with_replacement(HEADS, len(DEPTHS)))
Stage = tuple[int, int]  # depth, heads

_TEXT = re.compile(r"b([0-9]{2})-r([0-9])-d([0-9])h([0-9])-d([0-9])h([0-9])-d([0-9])h([0-9])", re.ASCII)
_ATTENTION = re.compile(r"attention_h([248])", re.ASCII)
_MLP = re.compile(r"mlp_r([2468])", re.ASCII)


class PiT(ProductSpace):
    """4,320 networks: 4 widths, 4 MLP ratios, 27 combinations of depths and 10 of heads in three stages.

    The graph is the chain of attention and MLP of all layers, with a node for the pooling between two stages; the
    attribute channels is the width after each node.
    """

    name = "pit"
    ops = (
        "input",
        *(f"attention_h{heads}" for heads in HEADS),
        *(f"mlp_r{ratio}" for ratio in RATIOS),
        "pool",
        "output",
    )
    source = "Heo et al., ICCV 2021, https://arxiv.org/abs/2103.16302"
    example = "b16-r6-d2h2-d8h4-d4h4"

    def choices(self) -> tuple[int, ...]:
        return (len(HEAD_CHANNELS), len(RATIOS), *map(len, DEPTHS), len(HEAD_TRIPLES))

    def from_choices(self, combination: tuple[int, ...]) -> ArchGraph:
        base, ratio, *options, heads = combination
        depths = [depths[option] for depths, option in zip(DEPTHS, options, strict=True)]
        stages = list(zip(depths, HEAD_TRIPLES[heads], strict=True))
        return self.build_graph(HEAD_CHANNELS[base], RATIOS[ratio], stages)

    def to_choices(self, arch: ArchGraph) -> tuple[int, ...]:
        base, ratio, stages = self.stages(arch)
        depths, heads = zip(*stages, strict=True)
        options = [options.index(depth) for options, depth in zip(DEPTHS, depths, strict=True)]
        return (HEAD_CHANNELS.index(base), RATIOS.index(ratio), *options, HEAD_TRIPLES.index(heads))

    def build_graph(self, head_channels: int, ratio: int, stages: list[Stage]) -> ArchGraph:
        """The architecture with these choices, (depth, heads) of each stage. Raises InvalidArchitecture."""
        reason = _misfit(head_channels, ratio, stages)
        if reason is not None:
            raise self.invalid((head_channels, ratio, stages), reason)
        ops: list[str] = []
        channels: list[int] = []
        for depth, heads in stages:
            if ops:
                ops.append("pool")
            ops += [f"attention_h{heads}", f"mlp_r{ratio}"] * depth
            channels += [heads * head_channels] * (len(ops) - len(channels))
        return chain_graph(self.name, ops, {"channels": channels})

    def stages(self, arch: ArchGraph) -> tuple[int, int, list[Stage]]:
        """Channels per head, MLP ratio, and (depth, heads) of each stage. Raises InvalidArchitecture."""
        self.require(arch)
        groups: list[list[str]] = [[]]
        for op in arch.ops[1:-1]:
            if op == "pool":
                groups.append([])
            else:
                groups[-1].append(op)
        heads = [_ATTENTION.fullmatch(group[0]) if group else None for group in groups]
        ratio = _MLP.fullmatch(groups[0][1]) if len(groups[0]) > 1 else None
        widths = chain_attr(arch, "channels")
        if ratio is not None and len(groups) == len(DEPTHS) and all(heads) and widths:
            stages = [(len(group) // 2, int(one[1])) for group, one in zip(groups, heads, strict=True) if one]
            base = widths[0] / stages[0][1]
            if _misfit(base, int(ratio[1]), stages) is None:
                choices = (int(base), int(ratio[1]), stages)
                if self.build_graph(*choices) == arch:
                    return choices
        raise self.invalid(arch.ops, "not three chains of attention and MLP with pooling between them")

    def _parse(self, text: str) -> ArchGraph:
        match = _TEXT.fullmatch(text)
        if match is None:
            raise self.invalid(text, "not a width such as b16, a ratio such as r6 and three stages of the form d2h4")
        base, ratio, *rest = map(int, match.groups())
        stages = list(zip(rest[0::2], rest[1::2], strict=True))
        reason = _misfit(base, ratio, stages)
        if reason is not None:
            raise self.invalid(text, reason)
        return self.build_graph(base, ratio, stages)

    def _text_of(self, value: Any) -> str | None:
        """The published dictionary: base_dim, mlp_ratio, and lists depth and num_heads of three stages."""
        if not isinstance(value, dict) or value.keys() != {"base_dim", "mlp_ratio", "depth", "num_heads"}:
            return None
        depths, heads, single = value["depth"], value["num_heads"], (value["base_dim"], value["mlp_ratio"])
        if not all(is_row(row, int) for row in (depths, heads, single)) or len(depths) != len(heads):
            return None
        stages = [f"d{depth}h{head}" for depth, head in zip(depths, heads, strict=True)]
        return "-".join([f"b{single[0]}-r{single[1]}", *stages])

    def format(self, arch: ArchGraph) -> str:
        base, ratio, stages = self.stages(arch)
        return "-".join([f"b{base}-r{ratio}", *(f"d{depth}h{heads}" for depth, heads in stages)])


def _misfit(head_channels: float, ratio: int, stages: list[Stage]) -> str | None:
    """Why these choices do not belong to the space, or None."""
    checks: list[tuple[str, float, tuple[int, ...]]] = [
        ("channels per head", head_channels, HEAD_CHANNELS),
        ("MLP ratio", ratio, RATIOS),
    ]
    for number, (depths, (depth, heads)) in enumerate(zip(DEPTHS, stages, strict=True)):
        checks += [(f"depth of stage {number}", depth, depths), (f"heads of stage {number}", heads, HEADS)]
    for what, value, options in checks:
        if value not in options:
            return f"{what} {value:g} is not one of {', '.join(map(str, options))}"
    if any(after < before for (_, before), (_, after) in pairwise(stages)):
        return "a stage has fewer heads than the one before"
    return None
