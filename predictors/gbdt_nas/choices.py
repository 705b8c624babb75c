"""The choices that make up an architecture, as columns of 0 and 1, and constraints that rule choices out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchGraph
from predictors.base import Parameters

Floats = NDArray[np.float64]


class Operation(NamedTuple):
    """Node number `node` has this operation; numeric attributes, if any, are part of the label."""

    node: int
    label: str


class Edge(NamedTuple):
    """Node `source` feeds node `target`."""

    source: int
    target: int


Choice = Operation | Edge


def choices_of(arch: ArchGraph) -> frozenset[Choice]:
    """All choices of an architecture: one operation for each node, and its edges."""
    operations = (Operation(node, _label(arch, node)) for node in range(len(arch)))
    return frozenset([*operations, *(Edge(*edge) for edge in arch.edges)])


def _label(arch: ArchGraph, node: int) -> str:
    attributes = ",".join(f"{name}={values[node]:g}" for name, values in arch.attrs)
    return f"{arch.ops[node]} {attributes}" if attributes else arch.ops[node]


class ChoiceRows(Parameters):
    """One column for each choice that some but not all training architectures make.

    An encoding as in predictors.encodings. For NAS-Bench-101 the paper has 45 columns: the bits of the incoming edges
    of nodes 2 to 7, and one of four operations for each of these nodes. Choices made by all cells or by none are left
    out here.

    Attributes:
        choices_: the choices of the d columns: operations by node and label, then edges.
        groups_: int64[d], the node of an operation, or -1 for an edge. Columns of the same node exclude each other.
    """

    def fit(self, X: Sequence[ArchGraph]) -> Self:
        counts: dict[Choice, int] = {}
        for arch in X:
            for choice in choices_of(arch):
                counts[choice] = counts.get(choice, 0) + 1
        varying = [choice for choice, count in counts.items() if count < len(X)]
        self.choices_ = sorted(varying, key=lambda choice: (isinstance(choice, Edge), choice))
        nodes = [choice.node if isinstance(choice, Operation) else -1 for choice in self.choices_]
        self.groups_ = np.array(nodes, dtype=np.int64)
        return self

    def transform(self, X: Sequence[ArchGraph]) -> Floats:
        """float64[n, d] of 0 and 1; choices missing from the training set are ignored."""
        column = {choice: place for place, choice in enumerate(self.choices_)}
        rows = np.zeros((len(X), len(column)))
        for row, arch in enumerate(X):
            rows[row, [column[choice] for choice in choices_of(arch) if choice in column]] = 1.0
        return rows


@dataclass(frozen=True)
class Constraints:
    """Choices that no architecture may make, and pairs that none may make together."""

    removed: frozenset[Choice] = frozenset()
    apart: frozenset[frozenset[Choice]] = frozenset()

    def violations(self, arch: ArchGraph) -> int:
        """The number of constraints that an architecture breaks."""
        made = choices_of(arch)
        return len(self.removed & made) + sum(pair <= made for pair in self.apart)

    def allows(self, arch: ArchGraph) -> bool:
        """Whether an architecture breaks no constraint."""
        return not self.violations(arch)

    def joined(self, removed: Iterable[Choice] = (), apart: Iterable[Iterable[Choice]] = ()) -> Constraints:
        """These constraints plus further ones."""
        return Constraints(self.removed.union(removed), self.apart.union(map(frozenset, apart)))

    def allowed_rows(self, rows: Floats, choices: Sequence[Choice]) -> NDArray[np.bool_]:
        """Which rows break no constraint, bool[n]; `choices` are those of the columns, as in ChoiceRows."""
        column = {choice: place for place, choice in enumerate(choices)}
        made = rows > 0
        broken: NDArray[np.bool_] = np.zeros(len(rows), dtype=bool)
        for choice in self.removed & column.keys():
            broken |= made[:, column[choice]]
        for pair in self.apart:
            if all(choice in column for choice in pair):
                broken |= made[:, [column[choice] for choice in pair]].all(axis=1)
        return np.logical_not(broken)
