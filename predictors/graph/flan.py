"""Two parallel graph encoders, combined with row encodings and columns (FLAN)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from predictors.encodings import EncodingLike
from predictors.graph.base import GraphPredictor
from predictors.graph.dense import DenseGATConv
from predictors.graph.layers import GraphNetwork, Head, NodeEmbedding, Sizes, mean_of_outputs, sum_of_nodes
from predictors.graph.padding import GraphBatch


@dataclass(eq=False, repr=False)
class FLAN(GraphPredictor):
    """Dense graph flow and graph attention, whose embeddings are combined with encodings of the graph and its columns.

    Graph flow is x' = sigmoid(O W_o) * (A x W_f) + x W_f + b, and graph attention is a GAT layer gated in the same way,
    where O are operation embeddings. After a first run through the graph, these are updated with the information that
    reached each node, and the encoders are run again.

    Source: FLAN (Akhauri and Abdelfattah, "Encodings for prediction-based neural architecture search", ICML 2024).

    Args:
        heads: number of attention heads; must divide `hidden`.
        runs: number of times that both encoders are run.
    """

    layers: int = 1
    encodings: EncodingLike = "reduced"
    heads: int = 4
    runs: int = 2

    def _network(self, sizes: Sizes) -> GraphNetwork:
        if self.hidden % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.hidden}")
        return _FLAN(sizes, self.hidden, self.layers, self.heads, self.runs, self.dropout)


class _FLAN(GraphNetwork):
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

    def embed(self, graphs: GraphBatch) -> Tensor:
        ops, start, mask = self.operations(graphs), self.nodes(graphs), graphs.mask
        arriving = graphs.adjacency.transpose(1, 2)
        encoders: list[Any] = list(self.encoders)
        gathered = [encoder.gather(start, arriving, mask) for encoder in encoders]
        x = start
        for run in range(self.runs):
            outputs = [encoder(one, ops, arriving, mask) for encoder, one in zip(encoders, gathered, strict=True)]
            x = torch.cat(outputs, dim=-1)
            if run + 1 < self.runs:
                ops = ops + self.update(torch.cat([ops, x], dim=-1))
        return torch.cat([sum_of_nodes(x, graphs, self.sizes), mean_of_outputs(x, graphs)], dim=1)


class _Encoder(nn.Module):
    """Layers of one kind, each followed by normalisation, ReLU and dropout."""

    def __init__(self, layers: Sequence[_Gated], width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in layers)
        self.dropout = nn.Dropout(dropout)

    def gather(self, x: Tensor, arriving: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The gated input of the first layer, the same in every run because each starts with the same nodes."""
        first: Any = self.layers[0]
        gathered: tuple[Tensor, Tensor] = first.gather(x, arriving, mask)
        return gathered

    def forward(self, gathered: tuple[Tensor, Tensor], ops: Tensor, arriving: Tensor, mask: Tensor) -> Tensor:
        x = self._after(0, gathered, ops)
        for place in range(1, len(self.layers)):
            layer: Any = self.layers[place]
            x = self._after(place, layer.gather(x, arriving, mask), ops)
        return x

    def _after(self, place: int, gathered: tuple[Tensor, Tensor], ops: Tensor) -> Tensor:
        x: Tensor = self.dropout(torch.relu(self.norms[place](self.layers[place](gathered, ops))))
        return x


class _Gated(nn.Module):
    """sigmoid(O W_o) * received + own, where subclasses define what a node receives and its own part."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, width)

    def gather(self, x: Tensor, arriving: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """What each node receives and its own part, float32[n, m, width] each."""
        raise NotImplementedError

    def forward(self, gathered: tuple[Tensor, Tensor], ops: Tensor) -> Tensor:
        received, own = gathered
        given: Tensor = torch.addcmul(own, self.gate(ops).sigmoid(), received)
        return given


class _Flow(_Gated):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.transform = nn.Linear(width, width)

    def gather(self, x: Tensor, arriving: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        own: Tensor = self.transform(x)
        return arriving @ own, own


class _Attention(_Gated):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.attention = DenseGATConv(width, width // heads, heads=heads)

    def gather(self, x: Tensor, arriving: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.attention(x, arriving, mask), x
