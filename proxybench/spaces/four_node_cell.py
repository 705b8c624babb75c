"""Shared by NAS-Bench-201 and TransNAS-Bench-101 micro: a cell of 4 nodes with one operation on each of 6 edges.

The graph is the cell's line graph: node 0 is the cell input, nodes 1-6 the operations of the edges in the order
(0,1) (0,2) (1,2) (0,3) (1,3) (2,3), node 7 the cell output.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from typing import Any, ClassVar

from predictors.arch import ArchGraph
from proxybench.spaces.base import ProductSpace
from proxybench.spaces.line_graph import FOUR_NODE_CELL, cell_expression, line_graph_edges

_LINE_GRAPH = line_graph_edges(FOUR_NODE_CELL)


class FourNodeCellSpace(ProductSpace):
    """All cells of 4 nodes with one of `operations` on each edge; `none` is the zero operation among them."""

    operations: ClassVar[tuple[str, ...]]

    def choices(self) -> tuple[int, ...]:
        return (len(self.operations),) * len(FOUR_NODE_CELL)

    def from_choices(self, combination: tuple[int, ...]) -> ArchGraph:
        return self.from_operations(tuple(self.operations[option] for option in combination))

    def to_choices(self, arch: ArchGraph) -> tuple[int, ...]:
        return tuple(self.operations.index(op) for op in self.cell_operations(arch))

    def from_operations(self, cell: tuple[str, ...]) -> ArchGraph:
        """The graph of the cell with these operations on its edges."""
        return ArchGraph(self.name, ("input", *cell, "output"), _LINE_GRAPH)

    def cell_operations(self, arch: ArchGraph) -> tuple[str, ...]:
        """The operations of the 6 cell edges. Raises InvalidArchitecture for a graph that is not a 4-node cell."""
        self.require(arch)
        cell = arch.ops[1:-1]
        known = len(cell) == len(FOUR_NODE_CELL) and set(cell) <= set(self.operations)
        if not known or self.from_operations(cell) != arch:
            raise self.invalid(arch.ops, "not the line graph of a 4-node cell")
        return cell

    def nested_operations(self, value: Any) -> tuple[tuple[Any, ...], ...] | None:
        """The operations into nodes 1, 2 and 3, ordered by source, from nested lists; None for any other value.

        An entry is an operation, or a pair of an operation and its source number, in any order of the sources.
        """
        if not isinstance(value, tuple) or [len(node) if isinstance(node, tuple) else 0 for node in value] != [1, 2, 3]:
            return None
        nodes = []
        for node in value:
            pairs = [entry if isinstance(entry, tuple) else (entry, place) for place, entry in enumerate(node)]
            by_source = {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and type(pair[1]) is int}
            if sorted(by_source) != list(range(len(node))):
                return None
            nodes.append(tuple(by_source[source] for source in range(len(node))))
        return tuple(nodes)

    def digest(self, arch: ArchGraph) -> str:
        """Digest of what the cell computes, simplified by `expression`."""
        return hashlib.blake2b(self.expression(arch).encode(), digest_size=16).hexdigest()

    def expression(self, arch: ArchGraph) -> str:
        """The output as a sum of terms over the input `0`, simplified as NAS-Bench-201 does (appendix A)."""
        cell = self.cell_operations(arch)
        zero = [op == "none" for op in cell]
        identity = [self.is_identity(op, source) for op, (source, _) in zip(cell, FOUR_NODE_CELL, strict=True)]
        return cell_expression(FOUR_NODE_CELL, cell, zero, identity)

    @abstractmethod
    def is_identity(self, op: str, source: int) -> bool:
        """Whether `op` passes its input through on an edge from cell node `source`."""
