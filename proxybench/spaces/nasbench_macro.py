"""NAS-Bench-Macro: eight layers in three stages, each an identity or one of two MobileNetV2 blocks.

Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021. The text form is the published
one, eight digits: 0 identity, 1 MBConv with kernel 3 and expansion 3, 2 MBConv with kernel 5 and expansion 6. The
stages have 2, 3 and 3 layers; the first layer of a stage halves the resolution and doubles the channels (32 to 64,
128, 256), so an identity there becomes a 1x1 convolution.
"""

from __future__ import annotations

import re
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import ProductSpace
from proxybench.spaces.chain import chain_graph
from proxybench.spaces.spelling import is_row

OPERATIONS = ("identity", "mbconv_k3_e3", "mbconv_k5_e6")
STAGES = ((0, 1), (2, 3, 4), (5, 6, 7))
ATTRS = {
    "channels": (64, 64, 128, 128, 128, 256, 256, 256),
    "stride": (2, 1, 2, 1, 1, 2, 1, 1),
}
_TEXT = re.compile(r"[012]{8}", re.ASCII)


class NASBenchMacro(ProductSpace):
    """6,561 networks, with 3,969 distinct functions under the authors' simplification."""

    name = "nasbench-macro"
    ops = ("input", *OPERATIONS, "output")
    source = "Su et al., CVPR 2021, https://arxiv.org/abs/2103.11922"
    example = "22212220"

    def choices(self) -> tuple[int, ...]:
        return (len(OPERATIONS),) * 8

    def from_choices(self, combination: tuple[int, ...]) -> ArchGraph:
        return chain_graph(self.name, [OPERATIONS[option] for option in combination], ATTRS)

    def to_choices(self, arch: ArchGraph) -> tuple[int, ...]:
        self.require(arch)
        layers = arch.ops[1:-1]
        fits = len(layers) == 8 and set(layers) <= set(OPERATIONS)
        if not fits or chain_graph(self.name, layers, ATTRS) != arch:
            raise self.invalid(arch.ops, "not a chain of eight layers")
        return tuple(OPERATIONS.index(op) for op in layers)

    def _parse(self, text: str) -> ArchGraph:
        if _TEXT.fullmatch(text) is None:
            raise self.invalid(text, "not eight digits 0 to 2")
        return self.from_choices(tuple(int(digit) for digit in text))

    def _text_of(self, value: Any) -> str | None:
        """The digits of the layers, such as [2, 2, 2, 1, 2, 2, 2, 0]."""
        return "".join(map(str, value)) if is_row(value, int) and max(value) < 10 else None

    def format(self, arch: ArchGraph) -> str:
        return "".join(map(str, self.to_choices(arch)))

    def digest(self, arch: ArchGraph) -> str:
        """Digest of the network's function; the positions of identities among a stage's later layers do not matter."""
        return self.simplified(arch).digest

    def simplified(self, arch: ArchGraph) -> ArchGraph:
        """The network that the authors trained for `arch`: identities moved after the other later layers of a stage.

        The first layer of a stage is never moved: its identity is a convolution.
        """
        layers = self.to_choices(arch)
        simplified: list[int] = []
        for first, *later in STAGES:
            blocks = [layers[layer] for layer in later if layers[layer] != 0]
            simplified += [layers[first], *blocks, *[0] * (len(later) - len(blocks))]
        return self.from_choices(tuple(simplified))
