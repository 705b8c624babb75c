"""Spaces of transformers: depth, embedding, and the heads and MLP ratio of each layer.

The choices are those of Chen et al., "AutoFormer: Searching Transformers for Visual Recognition", ICCV 2021, section
3.1. The text form is our own, the embedding and then one group per layer: `c48-h2r4-h4r1-h1r2` has three layers of 48
channels. Where linear layers may have no bias, the embedding is followed by b1 or b0: `c192b0-h4r2-...`.
"""

from __future__ import annotations

import random
import re
from itertools import product
from typing import Any, ClassVar

from predictors.arch import ArchGraph
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.chain import chain_attr, chain_graph
from proxybench.spaces.spelling import is_row

Layer = tuple[int, float]  # heads, MLP ratio

_CHANNELS = re.compile(r"c([1-9][0-9]{1,3})(?:b([01]))?", re.ASCII)
_LAYER = re.compile(r"h([1-9][0-9]?)r([0-9](?:\.[1-9])?)", re.ASCII)
_ATTENTION = re.compile(r"attention_h([0-9]{1,2})", re.ASCII)
_MLP = re.compile(r"mlp_r([0-9](?:\.[1-9])?)", re.ASCII)


class EncoderChain(SearchSpace):
    """The graph is the chain of attention and MLP of the present layers.

    Its attribute channels is the embedding; where there are `biases`, the attribute bias is one of them.

    Attributes:
        depths: the possible numbers of layers, without gaps.
        embeddings: the possible channels of the embedding.
        heads: the possible heads of a layer.
        ratios: the possible MLP ratios of a layer.
        biases: 1 with biases of linear layers, 0 without; empty if all architectures of the space have them.
    """

    depths: ClassVar[tuple[int, ...]]
    embeddings: ClassVar[tuple[int, ...]]
    heads: ClassVar[tuple[int, ...]]
    ratios: ClassVar[tuple[float, ...]]
    biases: ClassVar[tuple[int, ...]] = ()

    def build_graph(self, channels: int, layers: list[Layer], bias: int | None = None) -> ArchGraph:
        """The architecture with this embedding and (heads, MLP ratio) of each layer. Raises InvalidArchitecture."""
        reason = self._misfit(channels, layers, bias)
        if reason is not None:
            raise self.invalid((channels, layers, bias), reason)
        ops = [op for heads, ratio in layers for op in (f"attention_h{heads}", f"mlp_r{ratio:g}")]
        attrs = {"channels": [channels] * len(ops)}
        if bias is not None:
            attrs["bias"] = [bias] * len(ops)
        return chain_graph(self.name, ops, attrs)

    def choices(self, arch: ArchGraph) -> tuple[int, list[Layer]]:
        """The embedding, and (heads, MLP ratio) of each layer. Raises InvalidArchitecture."""
        self.require(arch)
        ops = arch.ops[1:-1]
        heads = [_ATTENTION.fullmatch(op) for op in ops[0::2]]
        ratios = [_MLP.fullmatch(op) for op in ops[1::2]]
        widths = set(chain_attr(arch, "channels"))
        known = len(widths) == 1 and widths <= set(self.embeddings)
        if known and len(heads) == len(ratios) and all(heads) and all(ratios):
            layers = [(int(one[1]), float(other[1])) for one, other in zip(heads, ratios, strict=True) if one and other]
            channels, bias = int(widths.pop()), self.bias(arch)
            if self._misfit(channels, layers, bias) is None and self.build_graph(channels, layers, bias) == arch:
                return channels, layers
        raise self.invalid(arch.ops, "not a chain of attention and MLP with one embedding")

    def bias(self, arch: ArchGraph) -> int | None:
        """Whether linear layers have biases, 1 or 0; None where the space leaves no choice, or for a mixed graph."""
        found = set(chain_attr(arch, "bias"))
        return int(found.pop()) if len(found) == 1 and found <= {0, 1} else None

    def _parse(self, text: str) -> ArchGraph:
        first, *rest = text.split("-")
        start = _CHANNELS.fullmatch(first)
        groups = [_LAYER.fullmatch(part) for part in rest]
        layers = [(int(group[1]), float(group[2])) for group in groups if group is not None]
        if start is None or len(layers) != len(groups):
            raise self.invalid(text, "not an embedding such as c48 and groups of the form h2r4, joined by hyphens")
        channels, bias = int(start[1]), None if start[2] is None else int(start[2])
        reason = self._misfit(channels, layers, bias)
        if reason is not None:
            raise self.invalid(text, reason)
        return self.build_graph(channels, layers, bias)

    def format(self, arch: ArchGraph) -> str:
        channels, layers = self.choices(arch)
        bias = self.bias(arch)
        first = f"c{channels}" if bias is None else f"c{channels}b{bias}"
        return "-".join([first, *(f"h{heads}r{ratio:g}" for heads, ratio in layers)])

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different architectures: depth, embedding, heads and ratios each uniform, skipping earlier draws.

        Most architectures of such a space have the largest depth; in a sample the depths are equally frequent, while
        others remain.

        Raises:
            ValueError: if n is negative or above 100,000, where shallow architectures run out.
        """
        if not 0 <= n <= 100_000:
            raise ValueError(f"samples of {self.name} have 0 to 100,000 architectures; {n} were requested")
        draw = random.Random(seed)
        drawn: dict[ArchGraph, None] = {}
        while len(drawn) < n:
            depth, channels = draw.choice(self.depths), draw.choice(self.embeddings)
            layers = [(draw.choice(self.heads), draw.choice(self.ratios)) for _ in range(depth)]
            bias = draw.choice(self.biases) if self.biases else None
            drawn.setdefault(self.build_graph(channels, layers, bias))
        return list(drawn)

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """Another embedding; other heads or another ratio in one layer; the last layer removed; or a layer added.

        Where there are `biases`, also the other one.
        """
        channels, layers = self.choices(arch)
        bias = self.bias(arch)
        found = [(other, layers) for other in self.embeddings if other != channels]
        for place, (heads, ratio) in enumerate(layers):
            changed = [(other, ratio) for other in self.heads if other != heads]
            changed += [(heads, other) for other in self.ratios if other != ratio]
            found += [(channels, [*layers[:place], layer, *layers[place + 1 :]]) for layer in changed]
        if len(layers) > self.depths[0]:
            found.append((channels, layers[:-1]))
        if len(layers) < self.depths[-1]:
            found += [(channels, [*layers, (heads, ratio)]) for heads in self.heads for ratio in self.ratios]
        others = [self.build_graph(channels, layers, other) for other in self.biases if other != bias]
        return [self.build_graph(*one, bias) for one in found] + others

    def _misfit(self, channels: int, layers: list[Layer], bias: int | None) -> str | None:
        """Why these choices do not belong to the space, or None."""
        if bias not in (self.biases or (None,)):
            return "it must say whether there are biases, b1 or b0" if self.biases else "there is no choice of biases"
        if channels not in self.embeddings:
            return f"{channels} channels are not among {_listed(self.embeddings)}"
        if len(layers) not in self.depths:
            return f"{len(layers)} layers are not among {_listed(self.depths)}"
        if set(layers) <= set(product(self.heads, self.ratios)):
            return None
        for number, layer in enumerate(layers):
            for what, value, options in zip(("heads", "MLP ratio"), layer, (self.heads, self.ratios), strict=True):
                if value not in options:
                    return f"{what} {value:g} of layer {number} is not one of {_listed(options)}"
        return None

    def _text_of(self, value: Any) -> str | None:
        """The published dictionary: hidden_dim, depth, and lists num_heads and mlp_ratio of that many layers."""
        if not isinstance(value, dict) or value.keys() != {"hidden_dim", "depth", "num_heads", "mlp_ratio"}:
            return None
        heads, ratios = value["num_heads"], value["mlp_ratio"]
        if not is_row(heads, int) or not is_row(ratios, (int, float)) or not is_row((value["hidden_dim"],), int):
            return None
        if not len(heads) == len(ratios) == value["depth"]:
            return None
        return "-".join(
            [f"c{value['hidden_dim']}", *(f"h{head}r{ratio:g}" for head, ratio in zip(heads, ratios, strict=True))]
        )


def _listed(options: tuple[float, ...]) -> str:
    return ", ".join(f"{option:g}" for option in options)
