"""Small vision transformers: depth, embedding, and the heads and MLP ratio of each layer.

The choices are those of Chen et al., "AutoFormer: Searching Transformers for Visual Recognition", ICCV 2021, section
3.1, at a size that a CPU trains in seconds. The text form is our own, the embedding and then one group per layer:
`c48-h2r4-h4r1-h1r2` has three layers of 48 channels.
"""

from __future__ import annotations

import random
import re

from predictors.arch import ArchGraph
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.chain import chain_attr, chain_graph

DEPTHS = (2, 3, 4, 5, 6)
CHANNELS = (32, 48, 64)
HEADS = (1, 2, 4)
RATIOS = (1, 2, 4)
Layer = tuple[int, int]  # heads, MLP ratio

_CHANNELS = re.compile(r"c([0-9]{2})", re.ASCII)
_LAYER = re.compile(r"h([0-9])r([0-9])", re.ASCII)
_ATTENTION = re.compile(r"attention_h([124])", re.ASCII)
_MLP = re.compile(r"mlp_r([124])", re.ASCII)


class ViTMicro(SearchSpace):
    """1,793,583 networks: 3 embeddings, 2 to 6 layers, 9 combinations of heads and MLP ratio in each.

    The graph is the chain of attention and MLP of the present layers, with the embedding as each node's attribute
    channels.
    """

    name = "vit-micro"
    ops = ("input", *(f"attention_h{heads}" for heads in HEADS), *(f"mlp_r{ratio}" for ratio in RATIOS), "output")
    source = "after Chen et al., ICCV 2021, https://arxiv.org/abs/2107.00651"
    example = "c48-h2r4-h4r1-h1r2"

    def build_graph(self, channels: int, layers: list[Layer]) -> ArchGraph:
        """The architecture with this embedding and (heads, MLP ratio) of each layer. Raises InvalidArchitecture."""
        reason = _misfit(channels, layers)
        if reason is not None:
            raise self.invalid((channels, layers), reason)
        ops = [op for heads, ratio in layers for op in (f"attention_h{heads}", f"mlp_r{ratio}")]
        return chain_graph(self.name, ops, {"channels": [channels] * len(ops)})

    def choices(self, arch: ArchGraph) -> tuple[int, list[Layer]]:
        """The embedding, and (heads, MLP ratio) of each layer. Raises InvalidArchitecture."""
        self.require(arch)
        ops = arch.ops[1:-1]
        heads = [_ATTENTION.fullmatch(op) for op in ops[0::2]]
        ratios = [_MLP.fullmatch(op) for op in ops[1::2]]
        widths = set(chain_attr(arch, "channels"))
        if len(widths) == 1 and widths <= set(CHANNELS) and len(heads) == len(ratios) and all(heads) and all(ratios):
            layers = [(int(one[1]), int(other[1])) for one, other in zip(heads, ratios, strict=True) if one and other]
            channels = int(widths.pop())
            if _misfit(channels, layers) is None and self.build_graph(channels, layers) == arch:
                return channels, layers
        raise self.invalid(arch.ops, "not a chain of attention and MLP with one embedding")

    def _parse(self, text: str) -> ArchGraph:
        first, *rest = text.split("-")
        channels = _CHANNELS.fullmatch(first)
        groups = [_LAYER.fullmatch(part) for part in rest]
        layers = [(int(group[1]), int(group[2])) for group in groups if group is not None]
        if channels is None or len(layers) != len(groups):
            raise self.invalid(text, "not an embedding such as c48 and groups of the form h2r4, joined by hyphens")
        reason = _misfit(int(channels[1]), layers)
        if reason is not None:
            raise self.invalid(text, reason)
        return self.build_graph(int(channels[1]), layers)

    def format(self, arch: ArchGraph) -> str:
        channels, layers = self.choices(arch)
        return "-".join([f"c{channels}", *(f"h{heads}r{ratio}" for heads, ratio in layers)])

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different architectures: depth, embedding, heads and ratios each uniform, skipping earlier draws.

        Nine of ten architectures of the space have the largest depth; in a sample a fifth have it, while others remain.

        Raises:
            ValueError: if n is negative or above 100,000, where shallow architectures run out.
        """
        if not 0 <= n <= 100_000:
            raise ValueError(f"samples of {self.name} have 0 to 100,000 architectures; {n} were requested")
        draw = random.Random(seed)
        drawn: dict[ArchGraph, None] = {}
        while len(drawn) < n:
            depth, channels = draw.choice(DEPTHS), draw.choice(CHANNELS)
            layers = [(draw.choice(HEADS), draw.choice(RATIOS)) for _ in range(depth)]
            drawn.setdefault(self.build_graph(channels, layers))
        return list(drawn)

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """Another embedding; other heads or another ratio in one layer; the last layer removed; or a layer added."""
        channels, layers = self.choices(arch)
        found = [(other, layers) for other in CHANNELS if other != channels]
        for place, (heads, ratio) in enumerate(layers):
            changed = [(other, ratio) for other in HEADS if other != heads]
            changed += [(heads, other) for other in RATIOS if other != ratio]
            found += [(channels, [*layers[:place], layer, *layers[place + 1 :]]) for layer in changed]
        if len(layers) > DEPTHS[0]:
            found.append((channels, layers[:-1]))
        if len(layers) < DEPTHS[-1]:
            found += [(channels, [*layers, (heads, ratio)]) for heads in HEADS for ratio in RATIOS]
        return [self.build_graph(*one) for one in found]


def _misfit(channels: int, layers: list[Layer]) -> str | None:
    """Why these choices do not belong to the space, or None."""
    if channels not in CHANNELS:
        return f"{channels} channels are not among {', '.join(map(str, CHANNELS))}"
    if len(layers) not in DEPTHS:
        return f"{len(layers)} layers are not among {', '.join(map(str, DEPTHS))}"
    for number, layer in enumerate(layers):
        for what, value, options in zip(("heads", "MLP ratio"), layer, (HEADS, RATIOS), strict=True):
            if value not in options:
                return f"{what} {value} of layer {number} is not one of {', '.join(map(str, options))}"
    return None
