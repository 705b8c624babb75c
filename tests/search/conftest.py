"""A space of 64 architectures whose values can be worked out by hand, and problems on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import proxybench as pb
from predictors.arch import ArchGraph
from proxybench.search import Problem
from proxybench.spaces import get_space
from proxybench.spaces.base import ProductSpace
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.store.merge import NamedFragment, merge
from proxybench.tables.store.schema import fragment_from_rows
from proxybench.tables.store.writing import write_table


class Bits(ProductSpace):
    """Six places that are off or on: candidate i has the binary digits of i, the first place the highest."""

    name = "bits"
    ops: ClassVar[tuple[str, ...]] = ("off", "on")
    source = "these tests"
    example = "011010"
    places = 6

    def choices(self) -> tuple[int, ...]:
        return (2,) * self.places

    def from_choices(self, combination: tuple[int, ...]) -> ArchGraph:
        edges = tuple((node, node + 1) for node in range(self.places - 1))
        return ArchGraph(self.name, tuple(self.ops[bit] for bit in combination), edges)

    def to_choices(self, arch: ArchGraph) -> tuple[int, ...]:
        return tuple(self.ops.index(op) for op in arch.ops)

    def _parse(self, text: str) -> ArchGraph:
        return self.from_choices(tuple(int(bit) for bit in text))

    def format(self, arch: ArchGraph) -> str:
        return "".join(str(bit) for bit in self.to_choices(arch))


@pytest.fixture(scope="session")
def bits() -> np.ndarray:
    """Which places are on in each candidate, float64[64, 6]."""
    space = Bits()
    return np.array([space.to_choices(arch) for arch in space], dtype=float)


@pytest.fixture
def make_problem(bits: np.ndarray) -> Callable[..., Problem]:
    """A problem on the 64 candidates; by default a candidate is worth its number, and two columns say something."""

    def make(values: np.ndarray | None = None, **options: object) -> Problem:
        worth = np.arange(64.0) if values is None else np.asarray(values, dtype=float)
        columns = {"proxy:count": bits.sum(axis=1), "proxy:first": bits[:, 0] + 0.001 * np.arange(64.0)[::-1]}
        given = {"columns": columns, **options}
        answers = given.pop("answers", {9: worth})
        return Problem(Bits(), list(Bits()), answers, **given)  # type: ignore[arg-type]

    return make


ZERO = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
SKIP = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
SKIP_TWIN = "|skip_connect~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"
CONV = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"
CONV_SKIP = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"


@pytest.fixture
def tiny(cache: Path) -> Benchmark:
    """Five cells of NAS-Bench-201 on one data set: SKIP and SKIP_TWIN are isomorphic, only the twin has a proxy."""
    space = get_space("nasbench201")
    rows: list[dict[str, object]] = []
    for arch, short, long, test in (
        (ZERO, 10, 9, 11),
        (SKIP, 60, 80, 79),
        (SKIP_TWIN, 61, 81, 82),
        (CONV, 70, 93, 94),
        (CONV_SKIP, 75, 92, 95),
    ):
        key = {"arch": arch, "dataset": "images", "seed": "0"}
        rows.append({**key, "epochs": 20, "val_acc": short, "train_s": 5.0})
        rows.append({**key, "epochs": 200, "val_acc": long, "test_acc": test, "val_loss": 100 - long, "train_s": 50.0})
    for arch, count, score, ms in (
        (ZERO, 0, 0.0, 1),
        (SKIP_TWIN, 0, 2.0, 3),
        (CONV, 2, 9.0, 9),
        (CONV_SKIP, 2, 8.0, 8),
    ):
        key = {"arch": arch, "dataset": "images", "epochs": 0, "seed": ""}
        rows.append({**key, "params": count, "proxy:synflow": score, "latency_ms@fpga": ms})
    table = merge([NamedFragment("by hand", fragment_from_rows(rows))])
    write_table("tiny", "nasbench201", "r", table, [space.digest(space.parse(arch)) for arch in table.archs], "# tiny")
    return pb.load("tiny")
