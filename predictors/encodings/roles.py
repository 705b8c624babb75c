"""Which operations of a training set are choices, and which are fixed, such as inputs, outputs and sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from predictors.arch import ArchGraph


@dataclass(frozen=True)
class Roles:
    """Operations by role.

    Attributes:
        choices: operations that occur at different positions in different graphs, sorted.
        fixed: all others: operations that occur only at sources or sinks, and operations that every graph has at the
            same positions. Paths may pass through them, and they are not counted.
        ends: the outputs: fixed operations with incoming but without outgoing edges, sorted. May be empty.
    """

    choices: tuple[str, ...]
    fixed: tuple[str, ...]
    ends: tuple[str, ...]

    @cached_property
    def number(self) -> dict[str, int]:
        """The number of each operation: choices from 0, then the fixed ones."""
        return {label: index for index, label in enumerate((*self.choices, *self.fixed))}


def roles(archs: Sequence[ArchGraph]) -> Roles:
    """Roles of the operations of a training set."""
    inside: set[str] = set()
    fed_ends: set[str] = set()
    unfed: set[str] = set()
    places: dict[str, set[tuple[int, ...]]] = {}
    for arch in archs:
        fed, feeding = {target for _, target in arch.edges}, {source for source, _ in arch.edges}
        at: dict[str, list[int]] = {}
        for node, op in enumerate(arch.ops):
            at.setdefault(op, []).append(node)
            if node not in fed:
                unfed.add(op)
            elif node in feeding:
                inside.add(op)
            else:
                fed_ends.add(op)
        for op, nodes in at.items():
            places.setdefault(op, set()).add(tuple(nodes))
    everywhere = set(places).intersection(*(arch.ops for arch in archs)) if archs else set()
    constant = {op for op in everywhere if len(places[op]) == 1 and len(archs) > 1}
    fixed = (set(places) - inside) | constant
    ends = (fed_ends & fixed) - inside - unfed
    return Roles(tuple(sorted(set(places) - fixed)), tuple(sorted(fixed)), tuple(sorted(ends)))
