"""Layers that graph networks share: embedding of nodes, pooling, the head that joins graph and columns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from predictors.graph.padding import GraphBatch


@dataclass(frozen=True)
class Sizes:
    """What the training part has.

    Attributes:
        nodes: of a graph, on average.
        ops: operations.
        attributes: numeric attributes of a node.
        positions: numbers that say where a node stands.
        columns: columns that join before the head.
    """

    nodes: float
    ops: int
    attributes: int
    positions: int
    columns: int


class GraphNetwork(nn.Module):
    """A network that embeds graphs and scores embeddings and columns: what all graph predictors train.

    Subclasses set `head`. What `embed` gives does not depend on columns, so equal graphs need it once
    (`predictors.graph.scoring`).
    """

    head: Head

    def embed(self, graphs: GraphBatch) -> Tensor:
        """Embeddings of the graphs alone, float32[n, width]."""
        raise NotImplementedError

    def forward(self, graphs: GraphBatch) -> Tensor:
        """Scores, float32[n], or [n, k] for a head of k outputs."""
        score: Tensor = self.head(self.embed(graphs), graphs.columns)
        return score


class NodeEmbedding(nn.Module):
    """Operation and attributes of each node, float32[n, m, width]; where it stands too, if `positions`.

    An operation that the training part does not have gets the mean of the others.
    """

    def __init__(self, sizes: Sizes, width: int, positions: bool = False) -> None:
        super().__init__()
        self.ops = nn.Parameter(torch.randn(sizes.ops, width))
        numbers = sizes.attributes + sizes.positions * positions
        self.numbers = nn.Linear(numbers, width) if numbers else None
        self.positions = positions

    def forward(self, graphs: GraphBatch, position: Tensor | None = None) -> Tensor:
        """Positions are those of the graphs, unless given as float32[n, m, positions]."""
        table = torch.cat([self.ops, self.ops.mean(dim=0, keepdim=True)])
        x = nn.functional.embedding(graphs.ops, table)
        if self.numbers is not None:
            parts = [graphs.attributes]
            if self.positions:
                parts.append(graphs.position if position is None else position)
            x = x + self.numbers(torch.cat(parts, dim=-1))
        return x


class Head(nn.Module):
    """Scores float32[n] of an embedding float32[n, width] of the graph and the columns."""

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
    """Sum over the nodes that are there, as a share of what a graph has on average: float32[n, m, d] -> float32[n, d].

    A sum and not a mean: what is left of a graph that is mostly blocked must look small, not average.
    """
    return (x * graphs.mask.unsqueeze(-1).to(x.dtype)).sum(dim=1) / sizes.nodes


def mean_of_outputs(x: Tensor, graphs: GraphBatch) -> Tensor:
    """Mean over the nodes that feed no other: float32[n, m, d] -> float32[n, d]; zeros where there are none."""
    outputs = (graphs.mask & (graphs.adjacency.sum(dim=2) == 0)).unsqueeze(-1).to(x.dtype)
    return (x * outputs).sum(dim=1) / outputs.sum(dim=1).clamp(min=1)
