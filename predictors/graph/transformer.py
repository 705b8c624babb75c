"""A graph transformer: attention biased by relations in the graph, and MLPs that sum over its edges."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from predictors.errors import unknown_name
from predictors.graph.base import GraphPredictor
from predictors.graph.layers import GraphNetwork, Head, NodeEmbedding, Sizes, mean_of_outputs, sum_of_nodes
from predictors.graph.padding import GraphBatch
from predictors.graph.topology import RELATIONS

_EIGENVECTORS = 6


@dataclass(eq=False, repr=False)
class GraphTransformer(GraphPredictor):
    """A transformer over the nodes, whose attention and MLPs know the edges of the graph.

    Each head adds a learned bias for the relation between two nodes (same node, feeds, is fed by, before or after on a
    path, unrelated), and another if they share a successor or a predecessor. The MLPs are
    W2 relu(W1 x + [A W3 x, A' W4 x]), with the adjacency matrix A and its transpose A'. A node's position is given by
    numbers that do not depend on how nodes are numbered (depth, degrees, random walks), optionally with eigenvectors of
    the Laplacian. Their signs are arbitrary and randomised in training, so that predictions then depend slightly on how
    nodes are numbered.

    Source: PINAT (Lu et al., AAAI 2023) for attention that is invariant to the numbering of nodes; NN-Former (Xu et
    al., CVPR 2025) for siblings, whose heads see nothing else there, and for the MLPs; TNASP (Lu et al., NeurIPS 2021)
    and Dwivedi and Bresson (2021) for the Laplacian; Graphormer (Ying et al., NeurIPS 2021), equation 6, for relations
    as biases.

    Args:
        positions: "invariant", or "laplacian" to add eigenvectors.
        heads: number of attention heads; must divide `hidden`.
    """

    positions: str = "invariant"
    heads: int = 4

    def _eigenvectors(self) -> int:
        if self.positions not in ("invariant", "laplacian"):
            raise unknown_name("kind of positions", self.positions, ("invariant", "laplacian"))
        return _EIGENVECTORS if self.positions == "laplacian" else 0

    def _network(self, sizes: Sizes) -> GraphNetwork:
        if self.hidden % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.hidden}")
        return _Transformer(sizes, self.hidden, self.layers, self.heads, self.dropout, self._eigenvectors())


class _Transformer(GraphNetwork):
    def __init__(self, sizes: Sizes, hidden: int, layers: int, heads: int, dropout: float, eigenvectors: int) -> None:
        super().__init__()
        self.sizes = sizes
        self.eigenvectors = eigenvectors
        self.embedding = NodeEmbedding(sizes, hidden, positions=True)
        self.layers = nn.ModuleList(_Layer(hidden, heads, dropout) for _ in range(layers))
        self.head = Head(2 * hidden, sizes.columns, hidden, dropout)

    def embed(self, graphs: GraphBatch) -> Tensor:
        x, siblings = self.embedding(graphs, self._position(graphs)), _siblings(graphs.adjacency)
        for layer in self.layers:
            x = layer(x, graphs, siblings)
        return torch.cat([sum_of_nodes(x, graphs, self.sizes), mean_of_outputs(x, graphs)], dim=1)

    def _position(self, graphs: GraphBatch) -> Tensor:
        """Positional features; in training the signs of the eigenvectors are randomised, since they are arbitrary."""
        position = graphs.position
        if not (self.training and self.eigenvectors):
            return position
        rest, vectors = position[..., : -self.eigenvectors], position[..., -self.eigenvectors :]
        signs = 2.0 * torch.randint(0, 2, (len(graphs), 1, self.eigenvectors)) - 1
        return torch.cat([rest, vectors * signs], dim=-1)


class _Layer(nn.Module):
    """Attention and an MLP along the edges, both with pre-normalisation and a residual connection."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.relations = nn.Embedding(RELATIONS, heads)
        self.siblings = nn.Parameter(torch.randn(2, heads))
        self.project = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.start = nn.Linear(width, 4 * width)
        self.end = nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, graphs: GraphBatch, siblings: Tensor) -> Tensor:
        x = x + self.dropout(self._attended(self.norms[0](x), graphs, siblings))
        out: Tensor = x + self.dropout(self._fed(self.norms[1](x), graphs.adjacency))
        return out

    def _attended(self, x: Tensor, graphs: GraphBatch, siblings: Tensor) -> Tensor:
        n, m, width = x.shape
        query, key, value = self.project(x).view(n, m, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = (self.relations(graphs.relation) + siblings @ self.siblings).permute(0, 3, 1, 2)
        bias = bias.masked_fill(~graphs.mask[:, None, None, :], -1e9)
        attended = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        joined: Tensor = self.join(attended.transpose(1, 2).reshape(n, m, width))
        return joined

    def _fed(self, x: Tensor, adjacency: Tensor) -> Tensor:
        width = x.shape[2]
        own, along, against = self.start(x).split([2 * width, width, width], dim=2)
        fed = torch.cat([adjacency @ along, adjacency.transpose(1, 2) @ against], dim=2)
        given: Tensor = self.end(own + fed)
        return given


def _siblings(adjacency: Tensor) -> Tensor:
    """Whether two nodes share a successor, and whether they share a predecessor, float32[n, m, m, 2]."""
    reverse = adjacency.transpose(1, 2)
    shared = torch.stack([adjacency @ reverse, reverse @ adjacency], dim=-1)
    return (shared > 0).to(adjacency.dtype)
