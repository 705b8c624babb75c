"""Message passing over operations: a graph convolutional network (BRP-NAS) and a graph isomorphism network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from predictors.graph.base import GraphPredictor
from predictors.graph.dense import DenseGCNConv, DenseGINConv
from predictors.graph.layers import GraphNetwork, Head, NodeEmbedding, Sizes, sum_of_nodes
from predictors.graph.padding import GraphBatch


@dataclass(eq=False, repr=False)
class GCN(GraphPredictor):
    """Graph convolutions (Kipf and Welling, ICLR 2017); the score is read from a global node that all nodes feed.

    Each layer is a convolution, layer normalisation, ReLU and dropout. Messages are passed along edges and, with
    separate weights, against them (Wen et al., ECCV 2020); the two are averaged.

    Source: BRP-NAS (Dudziak et al., NeurIPS 2020), with 4 layers of width 600. Its pairwise training is
    loss="relation".
    """

    hidden: int = 96
    layers: int = 4

    def _network(self, sizes: Sizes) -> GraphNetwork:
        return _GCN(sizes, self.hidden, self.layers, self.dropout)


class _GCN(GraphNetwork):
    def __init__(self, sizes: Sizes, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = NodeEmbedding(sizes, hidden)
        self.glob = nn.Parameter(torch.randn(hidden))
        self.along = nn.ModuleList(DenseGCNConv(hidden, hidden) for _ in range(layers))
        self.against = nn.ModuleList(DenseGCNConv(hidden, hidden) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.head = Head(hidden, sizes.columns, hidden, dropout)

    def embed(self, graphs: GraphBatch) -> Tensor:
        n = len(graphs)
        x = torch.cat([self.embedding(graphs), self.glob.expand(n, 1, -1)], dim=1)
        neighbours = _neighbours(graphs)
        layers: list[tuple[Any, Any, nn.Module]] = list(zip(self.along, self.against, self.norms, strict=True))
        for place, (along, against, norm) in enumerate(layers):
            if place + 1 == len(layers) and not self.training:
                neighbours = neighbours[:, -2:]  # only the global node is read; in training dropout needs all nodes
            gathered = (neighbours @ x).view(n, -1, 2 * x.shape[2])
            weight = torch.cat([along.lin.weight, against.lin.weight], dim=1) / 2
            x = nn.functional.linear(gathered, weight, (along.bias + against.bias) / 2)
            x = self.dropout(torch.relu(norm(x)))
        return x[:, -1]


def _neighbours(graphs: GraphBatch) -> Tensor:
    """The aggregation matrix of a convolution, float32[n, 2 (m + 1), m + 1]: for each node along, then against edges.

    The normalised adjacency with self-loops (Kipf and Welling, equation 2), as in DenseGCNConv; the global node comes
    after the m nodes. Sums are taken before weights are applied, so that both directions are one matrix product.
    """
    adjacency = nn.functional.pad(graphs.adjacency, (0, 1, 0, 1))
    adjacency[:, :-1, -1] = graphs.mask.to(adjacency.dtype)
    adjacency.diagonal(dim1=1, dim2=2).fill_(1.0)
    both = torch.stack([adjacency.transpose(1, 2), adjacency], dim=2)
    scale = both.sum(dim=3).clamp(min=1).rsqrt()
    return (scale.unsqueeze(3) * both * scale.transpose(1, 2).unsqueeze(1)).flatten(1, 2)


@dataclass(eq=False, repr=False)
class GIN(GraphPredictor):
    """Graph isomorphism network: MLP((1 + eps) x + sum of neighbours), once along edges and once against them.

    The graph's embedding is the concatenation of the sums over its nodes after every layer.

    Source: Xu et al., ICLR 2019, equations 4.1 and 4.2.
    """

    def _network(self, sizes: Sizes) -> GraphNetwork:
        return _GIN(sizes, self.hidden, self.layers, self.dropout)


class _GIN(GraphNetwork):
    def __init__(self, sizes: Sizes, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.sizes = sizes
        self.embedding = NodeEmbedding(sizes, hidden)
        self.along = nn.ModuleList(_gin_layer(hidden) for _ in range(layers))
        self.against = nn.ModuleList(_gin_layer(hidden) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.head = Head(hidden * (layers + 1), sizes.columns, hidden, dropout)

    def embed(self, graphs: GraphBatch) -> Tensor:
        x, adjacency, mask = self.embedding(graphs), graphs.adjacency, graphs.mask
        backward = adjacency.transpose(1, 2)
        sums = [sum_of_nodes(x, graphs, self.sizes)]
        for along, against, norm in zip(self.along, self.against, self.norms, strict=True):
            x = self.dropout(torch.relu(norm(along(x, backward, mask) + against(x, adjacency, mask))))
            sums.append(sum_of_nodes(x, graphs, self.sizes))
        return torch.cat(sums, dim=1)


def _gin_layer(hidden: int) -> DenseGINConv:
    mlp = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
    return DenseGINConv(mlp, train_eps=True)
