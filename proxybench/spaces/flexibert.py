"""FlexiBERT: encoders for text with two or four layers, whose operations differ.

Tuli et al., "FlexiBERT: Are Current Transformer Architectures Too Homogeneous and Rigid?", JAIR 2023, with the choices
of Serianni and Kalita, "Training-Free Neural Architecture Search for RNNs and Transformers", ACL 2023. The text form is
our own: `c256-wma_h4_f1024x3-dct_h2_f512x1` has 256 channels and two layers, the first with weighted attention in four
heads and a feed-forward network of three hidden layers of 1,024 channels.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.chain import chain_attr, chain_graph

CHANNELS = (128, 256)
DEPTHS = (2, 4)
# Scaled dot-product and weighted multiplicative attention, Fourier and cosine transform, attention with convolution.
OPERATIONS = ("sdp", "wma", "dft", "dct", "conv5", "conv9")
HEADS = (2, 4)
HIDDEN = (512, 1024)
HIDDEN_LAYERS = (1, 3)
Layer = tuple[str, int, int, int]  # operation, heads, hidden channels, hidden layers

_PUBLISHED = {("SA", "SDP"): "sdp", ("SA", "WMA"): "wma", ("LT", "DFT"): "dft", ("LT", "DCT"): "dct"}
_PUBLISHED_CONVOLUTIONS = {("DSC", 5): "conv5", ("DSC", 9): "conv9"}
_FIELDS = ("num_operation_heads", "feed_forward_dimension", "num_feed_forward")
_CHANNELS = re.compile(r"c([0-9]{3})", re.ASCII)
_LAYER = re.compile(r"([a-z0-9]{3,5})_h([0-9])_f([0-9]{3,4})x([0-9])", re.ASCII)
_MIXING = re.compile(r"([a-z0-9]+)_h([0-9])", re.ASCII)
_FEED_FORWARD = re.compile(r"ff([0-9]+)x([0-9])", re.ASCII)


class FlexiBERT(SearchSpace):
    """10,621,440 networks: 2 widths, 2 or 4 layers, 48 combinations of operation, heads and feed-forward in each.

    The graph is the chain of operation and feed-forward network of each layer, with the attribute channels.
    """

    name = "flexibert"
    ops = (
        "input",
        *(f"{operation}_h{heads}" for operation in OPERATIONS for heads in HEADS),
        *(f"ff{hidden}x{layers}" for hidden in HIDDEN for layers in HIDDEN_LAYERS),
        "output",
    )
    source = "Tuli et al., JAIR 2023, https://arxiv.org/abs/2205.11656"
    example = "c256-wma_h4_f1024x3-dct_h2_f512x3-sdp_h4_f512x3-sdp_h4_f1024x1"

    def build_graph(self, channels: int, layers: list[Layer]) -> ArchGraph:
        """The architecture with these choices. Raises InvalidArchitecture."""
        reason = _misfit(channels, layers)
        if reason is not None:
            raise self.invalid((channels, layers), reason)
        ops = [
            op for operation, heads, hidden, count in layers for op in (f"{operation}_h{heads}", f"ff{hidden}x{count}")
        ]
        return chain_graph(self.name, ops, {"channels": [channels] * len(ops)})

    def layers(self, arch: ArchGraph) -> tuple[int, list[Layer]]:
        """Channels, and (operation, heads, hidden channels, hidden layers) of layers. Raises InvalidArchitecture."""
        self.require(arch)
        ops, widths = arch.ops[1:-1], set(chain_attr(arch, "channels"))
        pairs = zip(map(_MIXING.fullmatch, ops[0::2]), map(_FEED_FORWARD.fullmatch, ops[1::2]), strict=False)
        layers = [(one[1], int(one[2]), int(two[1]), int(two[2])) for one, two in pairs if one and two]
        if len(widths) == 1 and 2 * len(layers) == len(ops):
            (channels,) = widths
            if _misfit(channels, layers) is None and self.build_graph(int(channels), layers) == arch:
                return int(channels), layers
        raise self.invalid(arch.ops, "not a chain of operations and feed-forward networks of one width")

    def _parse(self, text: str) -> ArchGraph:
        first, *rest = text.split("-")
        channels, groups = _CHANNELS.fullmatch(first), [_LAYER.fullmatch(part) for part in rest]
        layers = [(one[1], int(one[2]), int(one[3]), int(one[4])) for one in groups if one is not None]
        if channels is None or len(layers) != len(groups):
            raise self.invalid(text, "not a width such as c256 and groups of the form sdp_h2_f512x1, joined by hyphens")
        reason = _misfit(int(channels[1]), layers)
        if reason is not None:
            raise self.invalid(text, reason)
        return self.build_graph(int(channels[1]), layers)

    def _text_of(self, value: Any) -> str | None:
        """The published dictionary: hidden_size and nas_config with encoder_layers."""
        if not isinstance(value, Mapping) or value.keys() != {"hidden_size", "nas_config"}:
            return None
        config = value["nas_config"]
        if not isinstance(config, Mapping) or config.keys() != {"encoder_layers"}:
            return None
        layers = config["encoder_layers"]
        groups = [_layer_text(layer) for layer in layers] if isinstance(layers, tuple) else [None]
        if type(value["hidden_size"]) is not int or None in groups:
            return None
        return "-".join([f"c{value['hidden_size']}", *map(str, groups)])

    def format(self, arch: ArchGraph) -> str:
        channels, layers = self.layers(arch)
        groups = [f"{operation}_h{heads}_f{hidden}x{count}" for operation, heads, hidden, count in layers]
        return "-".join([f"c{channels}", *groups])

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different architectures: depth and every other choice uniform, skipping earlier draws.

        Raises:
            ValueError: if n is negative or above 8,000, where networks of two layers run out.
        """
        if not 0 <= n <= 8_000:
            raise ValueError(f"samples of {self.name} have 0 to 8,000 architectures; {n} were requested")
        draw = random.Random(seed)
        drawn: dict[ArchGraph, None] = {}
        while len(drawn) < n:
            channels, depth = draw.choice(CHANNELS), draw.choice(DEPTHS)
            layers = [
                (draw.choice(OPERATIONS), draw.choice(HEADS), draw.choice(HIDDEN), draw.choice(HIDDEN_LAYERS))
                for _ in range(depth)
            ]
            drawn.setdefault(self.build_graph(channels, layers))
        return list(drawn)

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """The other width, and all architectures with one choice of one layer changed; the depth stays."""
        channels, layers = self.layers(arch)
        found = [self.build_graph(other, layers) for other in CHANNELS if other != channels]
        for place, (operation, heads, hidden, count) in enumerate(layers):
            changed = [(other, heads, hidden, count) for other in OPERATIONS if other != operation]
            changed += [(operation, other, hidden, count) for other in HEADS if other != heads]
            changed += [(operation, heads, other, count) for other in HIDDEN if other != hidden]
            changed += [(operation, heads, hidden, other) for other in HIDDEN_LAYERS if other != count]
            found += [self.build_graph(channels, [*layers[:place], one, *layers[place + 1 :]]) for one in changed]
        return found


def _layer_text(layer: Any) -> str | None:
    if not isinstance(layer, Mapping) or layer.keys() != {"operation_type", "operation_parameter", *_FIELDS}:
        return None
    if any(type(layer[name]) is not int for name in _FIELDS):
        return None
    pair = (layer["operation_type"], layer["operation_parameter"])
    if type(pair[1]) not in (str, int):
        return None
    operation = _PUBLISHED.get(pair) or _PUBLISHED_CONVOLUTIONS.get(pair)
    heads, hidden, count = (layer[name] for name in _FIELDS)
    return None if operation is None else f"{operation}_h{heads}_f{hidden}x{count}"


def _misfit(channels: float, layers: list[Layer]) -> str | None:
    """Why these choices do not belong to the space, or None."""
    if channels not in CHANNELS:
        return f"{channels:g} channels are not among {', '.join(map(str, CHANNELS))}"
    if len(layers) not in DEPTHS:
        return f"{len(layers)} layers are not among {', '.join(map(str, DEPTHS))}"
    names = ("operation", "heads", "hidden channels", "hidden layers")
    for number, layer in enumerate(layers):
        for what, value, options in zip(names, layer, (OPERATIONS, HEADS, HIDDEN, HIDDEN_LAYERS), strict=True):
            if value not in options:
                return f"{what} {value} of layer {number} is not one of {', '.join(map(str, options))}"
    return None
