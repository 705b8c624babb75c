"""Layers shared by graph networks: node embedding, pooling, and the head that combines graph and columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from predictors.graph.padding import GraphBatch, Padding


@dataclass(frozen=True)
class Sizes:
    """Sizes of the training data.

    Attributes:
        nodes: mean number of nodes of a graph.
        ops: number of operations.
        attributes: number of numeric node attributes.
        positions: number of positional features of a node.
        columns: number of columns that the head takes as further input.
    """

    nodes: float
    ops: int
    attributes: int
    positions: int
    columns: int

    @classmethod
    def of(cls, graphs: GraphBatch, padding: Padding) -> Self:
        """The sizes of a training set, prepared by the fitted `padding`."""
        return cls(
            nodes=float(graphs.mask.sum(dim=1).double().mean()),
            ops=len(padding.ops_),
            attributes=graphs.attributes.shape[2],
            positions=padding.positions,
            columns=graphs.columns.shape[1],
        )


class GraphNetwork(nn.Module):
    """Base class of the graph predictors' networks, which embed graphs and score embeddings and columns.

    Subclasses set `head`. The output of `embed` does not depend on columns, so equal graphs are embedded only once
    (`predictors.graph.scoring`).
    """

    head: Head

    def embed(self, graphs: GraphBatch) -> Tensor:
        """Embeddings of the graphs alone, float32[n, width]."""
        raise NotImplementedError

    def forward(self, graphs: GraphBatch) -> Tensor:
        """Scores, float32[n], or [n, k] for a head with k outputs."""
        score: Tensor = self.head(self.embed(graphs), graphs.columns)
        return score


class NodeEmbedding(nn.Module):
    """Embeds each node's operation and attributes, and its position if `positions`; float32[n, m, width].

    An operation missing from the training set gets the mean of the others.
    """

    def __init__(self, sizes: Sizes, width: int, positions: bool = False) -> None:
        super().__init__()
        self.ops = nn.Parameter(torch.randn(sizes.ops, width))
        numbers = sizes.attributes + sizes.positions * positions
        self.numbers = nn.Linear(numbers, width) if numbers else None
        self.positions = positions

    def forward(self, graphs: GraphBatch, position: Tensor | None = None) -> Tensor:
        """Embed the nodes; `position`, float32[n, m, positions], replaces the positions of the graphs."""
        table = torch.cat([self.ops, self.ops.mean(dim=0, keepdim=True)])
        x = nn.functional.embedding(graphs.ops, table)
        if self.numbers is not None:
            parts = [graphs.attributes]
            if self.positions:
                parts.append(graphs.position if position is None else position)
            x = x + self.numbers(torch.cat(parts, dim=-1))
        return x


class Head(nn.Module):
    """Scores float32[n] from a graph embedding float32[n, width] and the columns."""

    def __init__(self, width: int, columns: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.columns = nn.Sequential(nn.Linear(columns, hidden), nn.ReLU()) if columns else None
        self.score = nn.Sequential(
            nn.Linear(width + (hidden if columns else 0), hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, 1),
        )

    def forward(self, graph: Tensor, columns: Tensor) -> Tensor:
        joined = graph if self.columns is None else torch.cat([graph, self.columns(columns)], dim=1)
        score: Tensor = self.score(joined).squeeze(1)
        return score


def sum_of_nodes(x: Tensor, graphs: GraphBatch, sizes: Sizes) -> Tensor:
    """Sum over a graph's nodes divided by the mean number of nodes: float32[n, m, d] -> float32[n, d].

    A sum rather than a mean: the remains of a mostly blocked graph must look small, not average.
    """
    return (x * graphs.mask.unsqueeze(-1).to(x.dtype)).sum(dim=1) / sizes.nodes


def mean_of_outputs(x: Tensor, graphs: GraphBatch) -> Tensor:
    """Mean over the nodes without outgoing edges: float32[n, m, d] -> float32[n, d]; zeros if there are none."""
    outputs = (graphs.mask & (graphs.adjacency.sum(dim=2) == 0)).unsqueeze(-1).to(x.dtype)
    return (x * outputs).sum(dim=1) / outputs.sum(dim=1).clamp(min=1)
