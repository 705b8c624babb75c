"""Makes data/network-counts.json: what each part of an architecture adds to parameters and FLOPs of its network.

    python experiments/network_counts.py [SPACE ...]

A space is sampled until no further architecture is a new combination of parts. The networks of those that are one are
built on torch's meta device, without weights, and counted; the costs of the parts are the solution in integers of these
equations. Some other networks of the sample are then counted in full, and must agree with the sums over their parts.
Other spaces of the file stay.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from predictors.arch import ArchGraph
from proxybench.networks.counts import count_flops, count_parameters
from proxybench.scores.network_counts import FILE
from proxybench.scores.parts import PARTS, parts_of
from proxybench.spaces import get_space
from proxybench.spaces.base import EnumerableSpace

DATA = Path(__file__).parents[1] / "data" / FILE
SAMPLE = 4000  # architectures in which combinations of parts are sought
CHECKED = 8  # networks that are counted only to compare
IMAGES = {"in_shape": [3, 32, 32]}
LARGE_IMAGES = {"in_shape": [3, 224, 224]}
TRANSNAS = {"in_shape": [3, 256, 256], "num_classes": 63}  # of class_scene
NETWORK: dict[str, dict[str, Any]] = {
    "transnas101-micro": TRANSNAS,
    "transnas101-macro": TRANSNAS,
    "natsbench-size": IMAGES,
    "darts": IMAGES,
    "autoformer-tiny": LARGE_IMAGES,
    "pit": LARGE_IMAGES,
    "resnet20-pooling": IMAGES,
    "flexibert": {"tokens": 128},
    "gpt-s": {"tokens": 1024},
    "gpt-m": {"tokens": 1024},
    "gpt-l": {"tokens": 1024},
    "nasbench-macro": IMAGES,
    "mnasnet": LARGE_IMAGES,
    "fbnet": IMAGES,
}


def counted(arch: ArchGraph, setting: dict[str, Any]) -> tuple[int, int]:
    """(parameters, FLOPs) of the whole network of an architecture."""
    options = {name: tuple(value) if name == "in_shape" else value for name, value in setting.items()}
    tokens = options.pop("tokens", None)
    with torch.device("meta"):
        network = get_space(arch.space).build(arch, **options)
        shape = options["in_shape"] if tokens is None else (tokens,)
        example = torch.zeros(1, *shape, dtype=torch.float32 if tokens is None else torch.int64)
        flops = count_flops(network, shape, image=example)
    return count_parameters(network).total, flops.total


def sampled(space: str) -> list[ArchGraph]:
    """Architectures of a space: all of a small one. Samples of DARTS lack `none`, so every second one gets some."""
    found = get_space(space)
    if isinstance(found, EnumerableSpace) and len(found) <= SAMPLE:
        return list(found)
    archs = found.sample(SAMPLE, seed=0)
    if space == "darts":
        archs[::2] = [found.parse(found.format(arch).replace("sep_conv_3x3", "none")) for arch in archs[::2]]
    return archs


def independent(rows: NDArray[np.float64]) -> list[int]:
    """The first rows of which none is a combination of earlier ones."""
    chosen: list[int] = []
    basis = np.empty((0, rows.shape[1]))
    for index, row in enumerate(rows):
        rest = row - basis.T @ (basis @ row)
        rest -= basis.T @ (basis @ rest)
        if np.linalg.norm(rest) > 1e-6:
            chosen.append(index)
            basis = np.vstack([basis, rest / np.linalg.norm(rest)])
    return chosen


def solved(rows: Sequence[Sequence[int]], values: Sequence[Sequence[int]]) -> list[list[int]]:
    """Integers x[column][k] with rows @ x = values; 0 for the columns that are not needed."""
    table = [[*map(Fraction, row), *map(Fraction, value)] for row, value in zip(rows, values, strict=True)]
    columns = len(rows[0])
    pivots: list[int] = []
    for column in range(columns):
        place = len(pivots)
        found = next((index for index in range(place, len(table)) if table[index][column]), None)
        if found is None:
            continue
        table[place], table[found] = table[found], table[place]
        first = table[place] = [value / table[place][column] for value in table[place]]
        for index, row in enumerate(table):
            if index != place and (factor := row[column]):
                table[index] = [a - factor * b if b else a for a, b in zip(row, first, strict=True)]
        pivots.append(column)
    result = [[0] * len(values[0]) for _ in range(columns)]
    for row, column in zip(table, pivots, strict=True):
        assert all(value.denominator == 1 for value in row[columns:]), "the costs of parts are not integers"
        result[column] = [int(value) for value in row[columns:]]
    return result


def costs_of(space: str) -> dict[str, Any]:
    """The entry of a space in the file. Raises AssertionError if a network's counts are not sums over its parts."""
    setting = NETWORK[space]
    archs = sampled(space)
    parts = [parts_of(arch) for arch in archs]
    names = sorted({part for counter in parts for part in counter}, key=lambda name: (name != "network", name))
    rows = np.array([[counter[name] for name in names] for counter in parts], dtype=np.float64)
    basis = independent(rows)
    values = [counted(archs[index], setting) for index in basis]
    costs = solved([[parts[index][name] for name in names] for index in basis], values)
    others = [index for index in reversed(range(len(archs))) if index not in set(basis)][:CHECKED]
    for index in others:
        total = tuple(
            sum(cost[k] * parts[index][name] for name, cost in zip(names, costs, strict=True)) for k in (0, 1)
        )
        assert total == counted(archs[index], setting), f"{space}: the sum over the parts of a network is wrong"
    print(f"{space}: {len(names)} parts from {len(basis)} networks, the last new one after {basis[-1] + 1} of")
    print(f"    {len(archs)}; {len(others)} other networks agree")
    return {"network": setting, "parts": dict(zip(names, costs, strict=True))}


def text_of(entries: dict[str, Any]) -> str:
    """The file: one line for each part."""
    spaces = []
    for space in sorted(entries):
        network = json.dumps(entries[space]["network"])
        parts = ",\n".join(
            f"   {json.dumps(name)}: {json.dumps(cost)}" for name, cost in entries[space]["parts"].items()
        )
        spaces.append(f' "{space}": {{\n  "network": {network},\n  "parts": {{\n{parts}\n  }}\n }}')
    return "{\n" + ",\n".join(spaces) + "\n}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spaces", nargs="*", default=list(PARTS), help="by default all")
    for space in parser.parse_args().spaces:
        start = time.perf_counter()
        entries = json.loads(DATA.read_text()) if DATA.is_file() else {}
        entries[space] = costs_of(space)
        DATA.write_text(text_of(entries))
        print(f"    {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
