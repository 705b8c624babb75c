"""The block spaces of "On Network Design Spaces": Vanilla, ResNet, ResNeXt-A and ResNeXt-B.

Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019, section 3.1, table 1. A network is a
sequence of stages with depth (blocks), width (channels) and stride; ResNeXt stages also have a bottleneck multiplier
(the inverse of the paper's ratio) and groups. The text lists them under the names of the published sweeps, stem first:
`ds=[1, 16, 1, 4] ws=[16, 64, 128, 16] ss=[1, 1, 2, 2] bot_muls=[0.0, 0.25, 0.25, 0.25] num_gs=[1, 2, 1, 2]`. The
graph is the chain of stages with the attributes bot_mul, depth, groups, stride and width.

`sample` and `neighbours` stay within the paper's CIFAR networks: the stem, then three stages of strides 1, 2 and 2 with
the values of the table. `parse` accepts 2 to 16 stages, depths 1 to 1,000, widths 1 to 16,384, strides 1 to 8,
bottleneck multipliers 0 to 8 with at most four decimals and groups 1 to 4,096, because sweeps use other values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from predictors.arch import ArchGraph
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.chain import chain_attr, chain_graph
from proxybench.spaces.mixed_radix import sample_combinations
from proxybench.spaces.spelling import arguments, is_row

STRIDES = (1, 1, 2, 2)
MIN_STAGES, MAX_STAGES = 2, 16
BOUNDS = {"ds": (1, 1000), "ws": (1, 16384), "ss": (1, 8), "bot_muls": (0, 8), "num_gs": (1, 4096)}
ATTRS = {"ds": "depth", "ws": "width", "ss": "stride", "bot_muls": "bot_mul", "num_gs": "groups"}
STEM = {"ds": 1.0, "ws": 16.0, "ss": 1.0, "bot_muls": 0.0, "num_gs": 1.0}
_RESNET_DEPTHS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
_RESNET_WIDTHS = (16.0, 24.0, 32.0, 40.0, 48.0, 64.0, 80.0, 96.0, 128.0, 160.0, 192.0, 256.0)
_RESNEXT_DEPTHS = (1.0, 2.0, 4.0, 8.0, 16.0)
_RATIOS = (0.25, 0.5, 1.0)
_FIELD = re.compile(r"([a-z_]+)=\[([^\[\]]*)\]", re.ASCII)
_INTEGER = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_DECIMAL = re.compile(r"[0-9](?:\.[0-9]{1,4})?", re.ASCII)
Stages = dict[str, tuple[float, ...]]


class NDSBlockSpace(SearchSpace):
    """A block space of the paper.

    Attributes:
        block: label of every stage.
        searched: for each searched key, the possible values for a stage, from the paper's table.
    """

    source = "Radosavovic et al., ICCV 2019, https://arxiv.org/abs/1905.13214"
    block: ClassVar[str]
    searched: ClassVar[dict[str, tuple[float, ...]]]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of a stage of this space, in the order of the text."""
        return tuple(key for key in BOUNDS if key == "ss" or key in self.searched)

    def _parse(self, text: str) -> ArchGraph:
        fields = [_FIELD.fullmatch(field) for field in re.split(r"\s+(?=[a-z])", text)]
        if [field and field[1] for field in fields] != list(self.keys):
            raise self.invalid(text, f"not of the form {' '.join(f'{key}=[...]' for key in self.keys)}")
        stages: Stages = {}
        for field in fields:
            if field is not None:
                number = _DECIMAL if field[1] == "bot_muls" else _INTEGER
                values = [value.strip() for value in field[2].split(",")]
                if not all(number.fullmatch(value) for value in values):
                    raise self.invalid(text, f"{field[1]} is not a list of numbers within the bounds")
                stages[field[1]] = tuple(float(value) for value in values)
        return self.build_graph(stages)

    def _text_of(self, value: Any) -> str | None:
        """The lists of a sweep's configuration: a dictionary or a call with the keys of the space."""
        lists = arguments(value, self.keys)
        if lists is None or isinstance(value, tuple) or not all(is_row(row, (int, float)) for row in lists):
            return None
        return " ".join(f"{key}={_numbers(key, row)}" for key, row in zip(self.keys, lists, strict=True))

    def build_graph(self, stages: Stages) -> ArchGraph:
        """The architecture with one value per stage for each of `keys`. Raises InvalidArchitecture."""
        reason = self._misfit(stages)
        if reason is not None:
            raise self.invalid(stages, reason)
        count = len(stages["ds"])
        return chain_graph(self.name, [self.block] * count, {ATTRS[key]: stages[key] for key in self.keys})

    def _misfit(self, stages: Stages) -> str | None:
        if stages.keys() != set(self.keys):
            return f"a stage has {', '.join(self.keys)}"
        if len({len(values) for values in stages.values()}) != 1:
            return "the lists differ in length"
        if not MIN_STAGES <= len(stages["ds"]) <= MAX_STAGES:
            return f"must have {MIN_STAGES} to {MAX_STAGES} stages"
        for key, values in stages.items():
            low, high = BOUNDS[key]
            decimals = 4 if key == "bot_muls" else 0
            if not all(low <= value <= high and round(value, decimals) == value for value in values):
                return f"{key} must be between {low} and {high} with at most {decimals} decimals"
        return None

    def stages(self, arch: ArchGraph) -> Stages:
        """One value per stage for each of `keys`."""
        self.require(arch)
        stages = {key: chain_attr(arch, ATTRS[key]) for key in self.keys}
        if self.build_graph(stages) != arch:
            raise self.invalid(arch.ops, "not a chain of stages of the space")
        return stages

    def format(self, arch: ArchGraph) -> str:
        return " ".join(
            f"{key}={[value if key == 'bot_muls' else int(value) for value in values]}"
            for key, values in self.stages(arch).items()
        )

    def sample(self, n: int, seed: int) -> list[ArchGraph]:
        """`n` different networks, uniform over the paper's table. Raises ValueError if it has fewer than n."""
        keys = list(self.searched)
        options = [len(self.searched[key]) for key in keys] * (len(STRIDES) - 1)
        found = []
        for choices in sample_combinations(options, n, seed):
            stages: Stages = {"ss": tuple(map(float, STRIDES))}
            for position, key in enumerate(keys):
                stages[key] = (STEM[key], *(self.searched[key][choice] for choice in choices[position :: len(keys)]))
            found.append(self.build_graph(stages))
        return found

    def neighbours(self, arch: ArchGraph) -> list[ArchGraph]:
        """One searched value of one stage after the stem replaced by another value from the paper's table."""
        stages = self.stages(arch)
        return [
            self.build_graph({**stages, key: (*values[:stage], other, *values[stage + 1 :])})
            for key, values in stages.items()
            for stage in range(1, len(values))
            for other in self.searched.get(key, ())
            if other != values[stage]
        ]


def _numbers(key: str, row: Sequence[float]) -> list[float]:
    """Integers without a decimal point, except for multipliers."""
    return [float(value) if key == "bot_muls" else int(value) if value == int(value) else value for value in row]


class Vanilla(NDSBlockSpace):
    """Plain convolutions, 1,259,712 networks: 9 depths and 12 widths in each of three stages."""

    name = "nds-vanilla"
    block = "vanilla"
    ops = ("input", block, "output")
    searched = {"ds": _RESNET_DEPTHS, "ws": _RESNET_WIDTHS}
    example = "ds=[1, 12, 12, 12] ws=[16, 24, 24, 40] ss=[1, 1, 2, 2]"


class ResNet(NDSBlockSpace):
    """Basic residual blocks, 1,259,712 networks: 9 depths and 12 widths in each of three stages."""

    name = "nds-resnet"
    block = "res_basic"
    ops = ("input", block, "output")
    searched = {"ds": _RESNET_DEPTHS, "ws": _RESNET_WIDTHS}
    example = "ds=[1, 12, 12, 12] ws=[16, 24, 24, 40] ss=[1, 1, 2, 2]"


class ResNeXtA(NDSBlockSpace):
    """Bottleneck blocks with groups, 11,390,625 networks: 5 depths, 5 widths, 3 ratios, 3 groups in three stages."""

    name = "nds-resnext-a"
    block = "res_bottleneck"
    ops = ("input", block, "output")
    searched = {
        "ds": _RESNEXT_DEPTHS,
        "ws": (16.0, 32.0, 64.0, 128.0, 256.0),
        "bot_muls": _RATIOS,
        "num_gs": (1.0, 2.0, 4.0),
    }
    example = (
        "ds=[1, 16, 1, 4] ws=[16, 64, 128, 16] ss=[1, 1, 2, 2] bot_muls=[0.0, 0.25, 0.25, 0.25] num_gs=[1, 2, 1, 2]"
    )


class ResNeXtB(NDSBlockSpace):
    """Wider bottleneck blocks, 52,734,375 networks: 5 depths, 5 widths, 3 ratios, 5 groups in three stages."""

    name = "nds-resnext-b"
    block = "res_bottleneck"
    ops = ("input", block, "output")
    searched = {
        "ds": _RESNEXT_DEPTHS,
        "ws": (64.0, 128.0, 256.0, 512.0, 1024.0),
        "bot_muls": _RATIOS,
        "num_gs": (1.0, 2.0, 4.0, 8.0, 16.0),
    }
    example = (
        "ds=[1, 16, 1, 4] ws=[16, 64, 128, 64] ss=[1, 1, 2, 2] bot_muls=[0.0, 0.25, 0.25, 1.0] num_gs=[1, 8, 1, 16]"
    )
