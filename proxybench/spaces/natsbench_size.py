"""NATS-Bench size: the channels of the five stages of a fixed network, with eight choices each.

Dong et al., "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021. The text form is
the published one, `64:64:56:64:24`; the index order is that of the archive. Stages 2 and 4 halve the resolution.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import ProductSpace
from proxybench.spaces.chain import chain_attr, chain_graph
from proxybench.spaces.spelling import is_row

CHANNELS = (8, 16, 24, 32, 40, 48, 56, 64)
STAGES = ("cell", "reduction", "cell", "reduction", "cell")
_TEXT = re.compile(":".join([r"([1-9][0-9]?)"] * len(STAGES)), re.ASCII)


class NATSBenchSize(ProductSpace):
    """32,768 networks; the graph is the chain of stages with the attribute `channels`."""

    name = "natsbench-size"
    ops = ("input", "cell", "reduction", "output")
    source = "Dong et al., TPAMI 2021, https://arxiv.org/abs/2009.00437"
    example = "64:64:56:64:24"

    def choices(self) -> tuple[int, ...]:
        return (len(CHANNELS),) * len(STAGES)

    def from_choices(self, combination: tuple[int, ...]) -> ArchGraph:
        return chain_graph(self.name, STAGES, {"channels": [CHANNELS[option] for option in combination]})

    def to_choices(self, arch: ArchGraph) -> tuple[int, ...]:
        return tuple(CHANNELS.index(width) for width in self.channels(arch))

    def channels(self, arch: ArchGraph) -> tuple[int, ...]:
        """Channels of the five stages."""
        self.require(arch)
        widths = chain_attr(arch, "channels")
        fits = len(widths) == len(STAGES) and set(widths) <= set(CHANNELS)
        if not fits or chain_graph(self.name, STAGES, {"channels": widths}) != arch:
            raise self.invalid(arch.attrs, "not a chain of five stages with 8 to 64 channels")
        return tuple(int(width) for width in widths)

    def _parse(self, text: str) -> ArchGraph:
        match = _TEXT.fullmatch(text)
        if match is None:
            raise self.invalid(text, "not five numbers joined by colons")
        widths = [int(number) for number in match.groups()]
        for width in widths:
            if width not in CHANNELS:
                raise self.invalid(text, f"{width} channels are not among {', '.join(map(str, CHANNELS))}")
        return chain_graph(self.name, STAGES, {"channels": widths})

    def _text_of(self, value: Any) -> str | None:
        """The channels of the stages, such as [64, 64, 56, 64, 24], also in the authors' configuration."""
        if isinstance(value, Mapping) and "channels" in value:
            value = value["channels"]
        if isinstance(value, str):
            return value
        return ":".join(map(str, value)) if is_row(value, int) else None

    def format(self, arch: ArchGraph) -> str:
        return ":".join(map(str, self.channels(arch)))
