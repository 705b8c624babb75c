"""NAS-Bench-MR: networks of one to four parallel branches, like HRNet, described by 27 numbers.

Ding et al., "Learning Versatile Neural Architectures by Propagating Network Codes", ICLR 2022. Stage s of four has s
branches, each at half the resolution of the one before; it repeats a module some times, in which each branch has some
residual units of some channels, after which all branches are fused. The text form is the published one, groups joined
by hyphens: channels of the two layers of the stem; per stage the repetitions, the number of branches, the units and the
channels of each branch; channels of the last layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from predictors.arch import ArchGraph
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.mixed_radix import sample_combinations
from proxybench.spaces.spelling import is_row

STAGES = (1, 2, 3, 4)  # branches of each
COUNTS = (1, 2, 3, 4)  # repetitions of a module, and units of a branch
CHANNELS = tuple(range(8, 129, 8))
_TEXT = re.compile(r"[1-9][0-9]{0,2}(?:[_-][1-9][0-9]{0,2}){30}", re.ASCII)


def _kinds() -> list[tuple[int, ...]]:
    """The options of each of the 27 numbers."""
    kinds: list[tuple[int, ...]] = [CHANNELS, CHANNELS]
    for branches in STAGES:
        kinds += [COUNTS] * (1 + branches) + [CHANNELS] * branches
    return [*kinds, CHANNELS]


KINDS = tuple(_kinds())


class NASBenchMR(SearchSpace):
    """16^13 * 4^14 networks, which this project does not build.

    Nodes: the two layers of the stem, the branches of the four stages, the last layer, with the attributes channels,
    repetitions, units and scale (how often the resolution has been halved in the stage, plus 1). Every branch of a
    stage is connected to every branch of the next.
    """

    name = "nasbench-mr"
    ops = ("input", "stem", "branch", "last", "output")
    source = "Ding et al., ICLR 2022, https://arxiv.org/abs/2103.13253"
    example = "96_128-1_1_1_48-1_2_1_1_128_8-1_3_1_1_1_128_128_120-4_4_4_4_4_4_128_128_128_128-64"

    def build_graph(self, code: Sequence[int]) -> ArchGraph:
        """The architecture of 27 numbers, as in the published files. Raises InvalidArchitecture."""
        reason = _misfit(code)
        if reason is not None:
            raise self.invalid(tuple(code), reason)
        rows: list[tuple[str, float, float, float, float]] = [("stem", code[0], 1, 1, 1), ("stem", code[1], 1, 1, 1)]
        edges, before, place = [(0, 1), (1, 2)], [2], 2
        for branches in STAGES:
            repetitions = code[place]
            units = code[place + 1 : place + 1 + branches]
            channels = code[place + 1 + branches : place + 1 + 2 * branches]
            place += 1 + 2 * branches
            here = [len(rows) + 1 + branch for branch in range(branches)]
            rows += [
                ("branch", width, repetitions, count, scale)
                for scale, (width, count) in enumerate(zip(channels, units, strict=True), start=1)
            ]
            edges += [(source, target) for source in before for target in here]
            before = here
        rows.append(("last", code[-1], 1, 1, 1))
        last = len(rows)
        edges += [(source, last) for source in before] + [(last, last + 1)]
        ops, *columns = zip(*rows, strict=True)
        names = ("channels", "repetitions", "units", "scale")
        attrs = {name: (0.0, *map(float, column), 0.0) for name, column in zip(names, columns, strict=True)}
        return ArchGraph(self.name, ("input", *map(str, ops), "output"), tuple(edges), tuple(sorted(attrs.items())))

    def code(self, arch: ArchGraph) -> tuple[int, ...]:
        """The 27 numbers. Raises InvalidArchitecture."""
        self.require(arch)
        attrs = {name: values[1:-1] for name, values in arch.attrs}
        nodes = 2 + sum(STAGES) + 1
        if set(attrs) == {"channels", "repetitions", "units", "scale"} and len(arch.ops) == nodes + 2:
            code, place = list(attrs["channels"][:2]), 2
            for branches in STAGES:
                here = slice(place, place + branches)
                code += [attrs["repetitions"][place], *attrs["units"][here], *attrs["channels"][here]]
                place += branches
            code.append(attrs["channels"][-1])
            if _misfit(code) is None:
                numbers = tuple(int(number) for number in code)
                if self.build_graph(numbers) == arch:
                    return numbers
        raise self.invalid(arch.ops, "not a stem, four stages of branches and a last layer")

    def _parse(self, text: str) -> ArchGraph:
        groups = text.split("-")
        if _TEXT.fullmatch(text) is None or len(groups) != len(STAGES) + 2:
            raise self.invalid(text, "not six groups of numbers joined by underscores, 31 in all")
        first, *stages, last = [[int(number) for number in group.split("_")] for group in groups]
        code = [*first]
        for branches, stage in zip(STAGES, stages, strict=True):
            if len(stage) != 2 + 2 * branches or stage[1] != branches:
                raise self.invalid(text, f"stage {branches} does not have {branches} branches")
            code += [stage[0], *stage[2:]]
        if len(first) != 2 or len(last) != 1:
            raise self.invalid(text, "the first group has not two numbers, or the last not one")
        return self.build_graph([*code, *last])

    def _text_of(self, value: Any) -> str | None:
        """A list of the 27 numbers, also as `embedding` of a published dictionary."""
        if isinstance(value, Mapping) and "embedding" in value:
            value = value["embedding"]
        return _text(value) if is_row(value, int) and len(value) == len(KINDS) else None

    def format(self, arch: ArchGraph) -> str:
        return _text(self.code(arch))

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different architectures, each number uniform. Raises ValueError if n is negative."""
        chosen = sample_combinations([len(kind) for kind in KINDS], n, seed)
        return [
            self.build_graph([kind[option] for kind, option in zip(KINDS, options, strict=True)]) for options in chosen
        ]

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """All architectures with another value of one number."""
        code = self.code(arch)
        return [
            self.build_graph([*code[:place], other, *code[place + 1 :]])
            for place, kind in enumerate(KINDS)
            for other in kind
            if other != code[place]
        ]


def _text(code: Sequence[int]) -> str:
    groups, place = [list(code[:2])], 2
    for branches in STAGES:
        length = 1 + 2 * branches
        groups.append([code[place], branches, *code[place + 1 : place + length]])
        place += length
    return "-".join("_".join(map(str, group)) for group in [*groups, [code[-1]]])


def _misfit(code: Sequence[float]) -> str | None:
    """Why these numbers do not belong to the space, or None."""
    if len(code) != len(KINDS):
        return f"{len(code)} numbers instead of {len(KINDS)}"
    for place, (number, kind) in enumerate(zip(code, KINDS, strict=True)):
        if number not in kind:
            return f"number {place} is {number:g}, not one of {', '.join(map(str, kind))}"
    return None
