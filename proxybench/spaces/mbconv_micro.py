"""Small chains of inverted residual blocks: seven layers with a choice of kernel, expansion and, at stride 1, skip.

The blocks are those of MobileNetV2 (Sandler et al., CVPR 2018) with the kernels and expansions that ProxylessNAS (Cai
et al., ICLR 2019) and Single-Path NAS (Stamoulis et al., ECML 2019) search, at a size that a CPU trains in seconds. The
text form is our own, a digit for each layer in the order of `OPERATIONS`.
"""

from __future__ import annotations

import re
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import ProductSpace
from proxybench.spaces.chain import chain_graph
from proxybench.spaces.spelling import is_row

OPERATIONS = ("mbconv_k3_e3", "mbconv_k3_e6", "mbconv_k5_e3", "mbconv_k5_e6", "skip")
STRIDES = (1, 2, 1, 1, 2, 1, 1)
WIDTHS = (1, 2, 2, 2, 4, 4, 4)  # channels of each layer, in multiples of those of the stem
OPTIONS = tuple(len(OPERATIONS) - (stride > 1) for stride in STRIDES)  # no skip where shapes change
ATTRS = {"channels": WIDTHS, "stride": STRIDES}
_TEXT = re.compile(r"[0-4]{7}", re.ASCII)


class MBConvMicro(ProductSpace):
    """50,000 networks; the attributes of a layer are its stride and its channels in multiples of the stem's."""

    name = "mbconv-micro"
    ops = ("input", *OPERATIONS, "output")
    source = "after Cai et al., ICLR 2019, https://arxiv.org/abs/1812.00332"
    example = "4132041"

    def choices(self) -> tuple[int, ...]:
        return OPTIONS

    def from_choices(self, combination: tuple[int, ...]) -> ArchGraph:
        return chain_graph(self.name, [OPERATIONS[option] for option in combination], ATTRS)

    def to_choices(self, arch: ArchGraph) -> tuple[int, ...]:
        self.require(arch)
        layers = arch.ops[1:-1]
        if len(layers) == len(OPTIONS) and set(layers) <= set(OPERATIONS):
            options = tuple(OPERATIONS.index(op) for op in layers)
            if self._fits(options) and self.from_choices(options) == arch:
                return options
        raise self.invalid(arch.ops, f"not a chain of {len(OPTIONS)} layers of the space")

    def _parse(self, text: str) -> ArchGraph:
        options = tuple(map(int, text)) if _TEXT.fullmatch(text) else ()
        if not self._fits(options):
            strided = " and ".join(str(layer) for layer, stride in enumerate(STRIDES) if stride > 1)
            raise self.invalid(text, f"not {len(OPTIONS)} digits 0 to 4, or a skip (4) in the strided layers {strided}")
        return self.from_choices(options)

    def _text_of(self, value: Any) -> str | None:
        """The digits of the layers, such as [4, 1, 3, 2, 0, 4, 1]."""
        return "".join(map(str, value)) if is_row(value, int) and max(value) < 10 else None

    def format(self, arch: ArchGraph) -> str:
        return "".join(map(str, self.to_choices(arch)))

    @staticmethod
    def _fits(options: tuple[int, ...]) -> bool:
        return len(options) == len(OPTIONS) and all(
            option < most for option, most in zip(options, OPTIONS, strict=True)
        )
