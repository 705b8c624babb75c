"""Architectures of a space as tensors of one shape, and back: one row per node, one column per label or incoming edge.

The row of a node is one-hot over the operations, then one-hot over the values of each numeric attribute that varies;
if edges vary, one column follows for each node: 1 if that node feeds this one. The labels and the edges that vary are
inferred from example architectures; nothing here depends on a particular space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from predictors.arch import ArchGraph
from proxybench.errors import InvalidArchitecture

Attribute = tuple[str, tuple[float, ...]]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """The meaning of the rows and columns of a tensor float32[n, nodes, width].

    Attributes:
        space: space name of the graphs.
        nodes: number of rows.
        ops: operation labels, one column each.
        attributes: names of the attributes that vary, with their values; one column per value.
        constants: the attributes that do not vary, one value per node.
        fixed: edges (source, target) that every architecture has.
        free: edges that some architectures have.
        in_degrees: number of free edges into each node if that is always the same, otherwise -1.
        most: maximum number of free edges of an architecture.
    """

    space: str
    nodes: int
    ops: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    constants: tuple[Attribute, ...]
    fixed: tuple[Pair, ...]
    free: tuple[Pair, ...]
    in_degrees: tuple[int, ...]
    most: int

    @classmethod
    def of(cls, archs: Sequence[ArchGraph]) -> Layout:
        """The layout of architectures with the same number of nodes.

        Raises:
            ValueError: if there are no architectures, or if they differ in the number of nodes or in their attributes.
        """
        if len({(len(arch), tuple(name for name, _ in arch.attrs)) for arch in archs}) != 1:
            raise ValueError("a layout needs architectures, all with as many nodes and the same attributes")
        nodes, names = len(archs[0]), [name for name, _ in archs[0].attrs]
        attributes, constants = [], []
        for place, name in enumerate(names):
            rows = {arch.attrs[place][1] for arch in archs}
            if len(rows) > 1:
                attributes.append((name, tuple(sorted({value for row in rows for value in row}))))
            else:
                constants.append((name, rows.pop()))
        patterns = list({arch.edges for arch in archs})
        sets = [set(edges) for edges in patterns]
        always, ever = set.intersection(*sets), set.union(*sets)
        free = sorted(ever - always)
        degrees = np.array([[sum(t == node for _, t in one - always) for node in range(nodes)] for one in sets])
        same = (degrees == degrees[0]).all(axis=0)
        return cls(
            archs[0].space,
            nodes,
            tuple(sorted({op for arch in archs for op in arch.ops})),
            tuple(attributes),
            tuple(constants),
            tuple(sorted(always)),
            tuple(free),
            tuple(int(degree) for degree in np.where(same, degrees[0], -1)),
            max(len(one - always) for one in sets),
        )

    @property
    def labels(self) -> int:
        """Number of columns for operations and attributes."""
        return sum(self.groups)

    @property
    def groups(self) -> tuple[int, ...]:
        """Sizes of the one-hot groups of columns: the operations, then each attribute."""
        return (len(self.ops), *(len(values) for _, values in self.attributes))

    @property
    def width(self) -> int:
        """All columns."""
        return self.labels + (self.nodes if self.free else 0)

    @cached_property
    def free_edges(self) -> Tensor:
        """bool[nodes, nodes], [target, source] of edges that vary."""
        return self._matrix(self.free)

    @cached_property
    def fixed_edges(self) -> Tensor:
        """bool[nodes, nodes], [target, source] of edges that are always present."""
        return self._matrix(self.fixed)

    @cached_property
    def diffused(self) -> Tensor:
        """float32[nodes, width]: 1 for entries that are noised and generated, 0 for known edges."""
        parts = [torch.ones(self.nodes, self.labels)]
        if self.free:
            parts.append(self.free_edges.float())
        return torch.cat(parts, dim=1)

    @cached_property
    def known(self) -> Tensor:
        """float32[nodes, width]: the known edges, 0 elsewhere."""
        parts = [torch.zeros(self.nodes, self.labels)]
        if self.free:
            parts.append(self.fixed_edges.float())
        return torch.cat(parts, dim=1)

    def _matrix(self, edges: Sequence[Pair]) -> Tensor:
        matrix = torch.zeros(self.nodes, self.nodes, dtype=torch.bool)
        for source, target in edges:
            matrix[target, source] = True
        return matrix

    def encode(self, archs: Sequence[ArchGraph]) -> Tensor:
        """Encode architectures as 0 and 1, uint8[n, nodes, width].

        Raises:
            InvalidArchitecture: if the layout lacks a label or an edge of an architecture.
        """
        tensor = np.zeros((len(archs), self.nodes, self.width), dtype=np.uint8)
        patterns: dict[tuple[Pair, ...], NDArray[np.uint8]] = {}
        op_column = {op: column for column, op in enumerate(self.ops)}
        try:
            columns = np.array([[op_column[op] for op in arch.ops] for arch in archs], dtype=np.int64)
            self._put(tensor, columns, 0)
            start = len(self.ops)
            for name, values in self.attributes:
                column = {value: place for place, value in enumerate(values)}
                rows = [[column[value] for value in dict(arch.attrs)[name]] for arch in archs]
                self._put(tensor, np.array(rows, dtype=np.int64), start)
                start += len(values)
            if self.free:
                for row, arch in enumerate(archs):
                    if arch.edges not in patterns:
                        patterns[arch.edges] = self._pattern(arch.edges)
                    tensor[row, :, start:] = patterns[arch.edges]
        except (KeyError, ValueError) as error:
            raise InvalidArchitecture(f"an architecture does not fit the layout of {self.space}: {error}") from error
        return torch.from_numpy(tensor)

    def _put(self, tensor: NDArray[np.uint8], columns: NDArray[np.int64], start: int) -> None:
        if columns.size:
            np.put_along_axis(tensor, columns.reshape(len(tensor), self.nodes, 1) + start, 1, axis=2)

    def _pattern(self, edges: tuple[Pair, ...]) -> NDArray[np.uint8]:
        matrix = self._matrix(edges)
        if (matrix & ~(self.free_edges | self.fixed_edges)).any():
            raise ValueError("it has an edge that no example has")
        return matrix.numpy().astype(np.uint8)

    def normalise(self, logits: Tensor) -> Tensor:
        """Probabilities of float32[n, nodes, width] logits: softmax of each one-hot group, sigmoid of each edge.

        Edges into a node with exactly one incoming free edge form a softmax; known entries keep their values.
        """
        parts = [part.softmax(dim=-1) for part in torch.split(logits[..., : self.labels], list(self.groups), dim=-1)]
        if self.free:
            edges = logits[..., self.labels :]
            single = torch.tensor([degree == 1 for degree in self.in_degrees])[:, None] & self.free_edges
            chosen = edges.masked_fill(~single, -1e9).softmax(dim=-1)
            present = torch.where(single, chosen, edges.sigmoid())
            parts.append(torch.where(self.free_edges, present, self.fixed_edges.float()))
        return torch.cat(parts, dim=-1)

    def quantise(self, x: Tensor) -> list[ArchGraph]:
        """The graphs nearest to float32[n, nodes, width]: the largest column of each group, edges above one half.

        A node that always has d incoming free edges gets the d largest; if there are more edges than in any example,
        only the largest are kept. Whether a graph is an architecture of the space is not checked here.
        """
        starts = np.cumsum([0, *self.groups])
        chosen = [
            part.argmax(dim=-1).tolist() for part in torch.split(x[..., : self.labels], list(self.groups), dim=-1)
        ]
        fixed = tuple(sorted(self.fixed))
        edges = self._edges(x[..., starts[-1] :]) if self.free else [fixed] * len(x)
        graphs = []
        for row in range(len(x)):
            values = {
                name: tuple(options[column] for column in chosen[place + 1][row])
                for place, (name, options) in enumerate(self.attributes)
            }
            attrs = tuple(sorted((values | dict(self.constants)).items()))
            graphs.append(ArchGraph(self.space, tuple(self.ops[c] for c in chosen[0][row]), edges[row], attrs))
        return graphs

    def _edges(self, x: Tensor) -> list[tuple[Pair, ...]]:
        present = (x > 0.5) & self.free_edges
        for node, degree in enumerate(self.in_degrees):
            if degree > 0:
                candidates = x[:, node].masked_fill(~self.free_edges[node], -torch.inf)
                present[:, node] = torch.zeros_like(present[:, node]).scatter(
                    1, candidates.topk(degree, dim=1).indices, True
                )
        counted = torch.tensor([degree > 0 for degree in self.in_degrees])[:, None]
        ranked = torch.where(counted, torch.inf, x).masked_fill(~present, -torch.inf).flatten(1)
        largest = ranked.topk(self.most, dim=1).indices
        present &= torch.zeros_like(ranked, dtype=torch.bool).scatter(1, largest, True).view_as(present)
        graphs: list[list[Pair]] = [list(self.fixed) for _ in range(len(x))]
        for row, target, source in (present & self.free_edges).nonzero().tolist():
            graphs[row].append((source, target))
        return [tuple(sorted(edges)) for edges in graphs]

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {
            "space": self.space,
            "nodes": self.nodes,
            "ops": list(self.ops),
            "attributes": [[name, list(values)] for name, values in self.attributes],
            "constants": [[name, list(values)] for name, values in self.constants],
            "fixed": [list(pair) for pair in self.fixed],
            "free": [list(pair) for pair in self.free],
            "in_degrees": list(self.in_degrees),
            "most": self.most,
        }

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Layout:
        """The inverse of `as_dict`."""
        attributes, constants = (
            tuple((name, tuple(values)) for name, values in described[key]) for key in ("attributes", "constants")
        )
        fixed, free = (tuple((source, target) for source, target in described[key]) for key in ("fixed", "free"))
        return cls(
            described["space"],
            described["nodes"],
            tuple(described["ops"]),
            attributes,
            constants,
            fixed,
            free,
            tuple(described["in_degrees"]),
            described["most"],
        )
