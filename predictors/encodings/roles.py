"""Which operations of a training part are choices, and which are fixed parts such as inputs, outputs and sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from predictors.arch import ArchGraph


@dataclass(frozen=True)
class Roles:
    """Operations by role.

    Attributes:
        choices: operations that stand at different places in different graphs, sorted.
        fixed: the others: those that stand only where nothing feeds a node or it feeds nothing, and those that every
            graph has at the same positions. A path passes them freely and does not count them.
        ends: fixed operations that feed nothing and are fed, sorted: the outputs. Empty where there are none of them.
    """

    choices: tuple[str, ...]
    fixed: tuple[str, ...]
    ends: tuple[str, ...]

    @cached_property
    def number(self) -> dict[str, int]:
        """Choices from 0, then the fixed ones."""
        return {label: index for index, label in enumerate((*self.choices, *self.fixed))}


def roles(archs: Sequence[ArchGraph]) -> Roles:
    """Roles of the operations of a training part."""
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
