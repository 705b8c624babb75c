"""TransNAS-Bench-101 macro: 4 to 6 residual modules; each may double the channels or halve the resolution.

Duan et al., "TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task Neural Architecture
Search", CVPR 2021. The text is that of the published tables, `64-1234-basic`: 64 base channels and one digit per
module: 1 plain, 2 channels doubled, 3 resolution halved (stride 2), 4 both. The space contains the sequences that
double the channels one to three times and halve the resolution one to four times.
"""

from __future__ import annotations

import itertools
import re
from functools import cache
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import EnumerableSpace
from proxybench.spaces.chain import chain_graph
from proxybench.spaces.spelling import is_row

MODULES = ("plain", "double_channels", "downsample", "downsample_double_channels")
LENGTHS = (4, 5, 6)
_BASE_CHANNELS = 64
_TEXT = re.compile(r"64-([1-4]{4,6})-basic", re.ASCII)
Code = tuple[int, ...]


class TransNASMacro(EnumerableSpace):
    """3,256 networks: 210 with four modules, 750 with five, 2,296 with six; ordered by length, then by digits."""

    name = "transnas101-macro"
    ops = ("input", *MODULES, "output")
    source = "Duan et al., CVPR 2021, https://arxiv.org/abs/2105.11871"
    example = "64-1234-basic"

    def __len__(self) -> int:
        return len(_codes())

    def __getitem__(self, index: int) -> ArchGraph:
        return _graph(self.name, _codes()[range(len(self))[index]])

    def index(self, arch: ArchGraph) -> int:
        return _positions()[self.code(arch)]

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """All networks with one module changed, removed or inserted, by index."""
        code = self.code(arch)
        changed = {(*code[:at], kind, *code[at + 1 :]) for at in range(len(code)) for kind in range(1, 5)}
        removed = {(*code[:at], *code[at + 1 :]) for at in range(len(code))}
        added = {(*code[:at], kind, *code[at:]) for at in range(len(code) + 1) for kind in range(1, 5)}
        positions = _positions()
        found = sorted(positions[other] for other in (changed | removed | added) - {code} if other in positions)
        return [self[position] for position in found]

    def code(self, arch: ArchGraph) -> Code:
        """The module types, 1 to 4."""
        self.require(arch)
        modules = arch.ops[1:-1]
        if set(modules) <= set(MODULES):
            code = tuple(MODULES.index(module) + 1 for module in modules)
            if code in _positions() and _graph(self.name, code) == arch:
                return code
        raise self.invalid(arch.ops, "not a chain of modules of the space")

    def _parse(self, text: str) -> ArchGraph:
        match = _TEXT.fullmatch(text)
        if match is None:
            raise self.invalid(text, "not of the form 64-DIGITS-basic with 4 to 6 digits 1 to 4")
        code = tuple(int(digit) for digit in match[1])
        if code not in _positions():
            raise self.invalid(text, "channels must double 1 to 3 times and the resolution must halve 1 to 4 times")
        return _graph(self.name, code)

    def _text_of(self, value: Any) -> str | None:
        """The digits of the modules, such as [1, 2, 3, 4]."""
        return f"64-{''.join(map(str, value))}-basic" if is_row(value, int) and max(value) < 10 else None

    def format(self, arch: ArchGraph) -> str:
        return f"64-{''.join(map(str, self.code(arch)))}-basic"


@cache
def _codes() -> tuple[Code, ...]:
    return tuple(
        code
        for length in LENGTHS
        for code in itertools.product((1, 2, 3, 4), repeat=length)
        if 1 <= sum(kind in (2, 4) for kind in code) <= 3 and 1 <= sum(kind in (3, 4) for kind in code) <= 4
    )


@cache
def _positions() -> dict[Code, int]:
    return {code: position for position, code in enumerate(_codes())}


def _graph(space: str, code: Code) -> ArchGraph:
    channels, width = [], _BASE_CHANNELS
    for kind in code:
        width *= 2 if kind in (2, 4) else 1
        channels.append(width)
    stride = [2 if kind in (3, 4) else 1 for kind in code]
    return chain_graph(space, [MODULES[kind - 1] for kind in code], {"channels": channels, "stride": stride})
