"""Architectures as rows of choices: for each node, its operation and its input nodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchGraph
from proxybench.search.core.problem import Problem


def node_choices(problem: Problem) -> NDArray[np.int64]:
    """The choice for each node, int64[n, nodes]; numbered by first appearance, 0 past the last node."""
    rows = [_choices_of(arch) for arch in problem.archs]
    numbers: dict[tuple[str, tuple[int, ...]], int] = {}
    table = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for row, choices in enumerate(rows):
        for node, choice in enumerate(choices):
            table[row, node] = numbers.setdefault(choice, len(numbers) + 1)
    return table


def _choices_of(arch: ArchGraph) -> list[tuple[str, tuple[int, ...]]]:
    sources: list[list[int]] = [[] for _ in arch.ops]
    for source, target in arch.edges:
        sources[target].append(source)
    attributes = [tuple(values[node] for _, values in arch.attrs) for node in range(len(arch))]
    return [(f"{op} {attributes[node]}", tuple(sorted(sources[node]))) for node, op in enumerate(arch.ops)]
