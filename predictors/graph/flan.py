"""Two graph encoders side by side, joined with row encodings and columns (FLAN)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from predictors.encodings import EncodingLike
from predictors.graph.base import GraphPredictor
from predictors.graph.dense import DenseGATConv
from predictors.graph.layers import Head, NodeEmbedding, Sizes, mean_of_outputs, sum_of_nodes
from predictors.graph.padding import GraphBatch


@dataclass(eq=False, repr=False)
class FLAN(GraphPredictor):
    """Dense graph flow and graph attention, their embeddings beside encodings of the graph and its columns.

    Graph flow is x' = sigmoid(O W_o) * (A x W_f) + x W_f + b, graph attention is a GAT layer gated in the same way,
    where O are the operations. After a first run through the graph the operations learn what reached them, then it is
    run once more.

    Source: FLAN (Akhauri and Abdelfattah, "Encodings for prediction-based neural architecture search", ICML 2024).

    Args:
        heads: of graph attention; they divide `hidden`.
        runs: times that both encoders are run.
    """

    layers: int = 1
    encoding: EncodingLike = "reduced"
    heads: int = 4
    runs: int = 2

    def _network(self, sizes: Sizes) -> nn.Module:
        if self.hidden % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.hidden}")
        return _FLAN(sizes, self.hidden, self.layers, self.heads, self.runs, self.dropout)


class _FLAN(nn.Module):
    def __init__(self, sizes: Sizes, hidden: int, layers: int, heads: int, runs: int, dropout: float) -> None:
        super().__init__()
        self.sizes = sizes
        self.operations = NodeEmbedding(sizes, hidden)
        self.nodes = NodeEmbedding(sizes, hidden, positions=True)
        self.encoders = nn.ModuleList(
            _Encoder([kind(hidden, heads) for _ in range(layers)], hidden, dropout) for kind in (_Flow, _Attention)
        )
        self.runs = runs
        self.update = nn.Sequential(nn.Linear(3 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.head = Head(4 * hidden, sizes.columns, hidden, dropout)

    def forward(self, graphs: GraphBatch) -> Tensor:
        ops, start, mask = self.operations(graphs), self.nodes(graphs), graphs.mask
        arriving = graphs.adjacency.transpose(1, 2)
        x = start
        for run in range(self.runs):
            x = torch.cat([encoder(start, ops, arriving, mask) for encoder in self.encoders], dim=-1)
            if run + 1 < self.runs:
                ops = ops + self.update(torch.cat([ops, x], dim=-1))
        joined = torch.cat([sum_of_nodes(x, graphs, self.sizes), mean_of_outputs(x, graphs)], dim=1)
        score: Tensor = self.head(joined, graphs.columns)
        return score


class _Encoder(nn.Module):
    """Layers of one kind, each followed by normalisation, ReLU and dropout."""

    def __init__(self, layers: Sequence[nn.Module], width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in layers)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, ops: Tensor, arriving: Tensor, mask: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = self.dropout(torch.relu(norm(layer(x, ops, arriving, mask))))
        return x


class _Flow(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, width)
        self.transform = nn.Linear(width, width)

    def forward(self, x: Tensor, ops: Tensor, arriving: Tensor, mask: Tensor) -> Tensor:
        own: Tensor = self.transform(x)
        given: Tensor = self.gate(ops).sigmoid() * (arriving @ own) + own
        return given


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, width)
        self.attention = DenseGATConv(width, width // heads, heads=heads)

    def forward(self, x: Tensor, ops: Tensor, arriving: Tensor, mask: Tensor) -> Tensor:
        attended: Tensor = self.attention(x, arriving, mask)
        given: Tensor = self.gate(ops).sigmoid() * attended + x
        return given
