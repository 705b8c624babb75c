"""A graph transformer: self-attention between nodes, biased by their relations in the graph."""

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
    """A transformer over the nodes; each head adds a learned bias for the relation between two nodes.

    The relations are: same node, feeds, is fed by, before or after on a path, and unrelated. A node's position is given
    by numbers that do not depend on how nodes are numbered (depth, degrees, random walks), optionally with eigenvectors
    of the Laplacian. Their signs are arbitrary and randomised in training, so that predictions then depend slightly on
    how nodes are numbered.

    Source: PINAT (Lu et al., AAAI 2023) for attention that is invariant to the numbering of nodes; TNASP (Lu et al.,
    NeurIPS 2021) and Dwivedi and Bresson (2021) for the Laplacian; Graphormer (Ying et al., NeurIPS 2021), equation
    6, for relations as biases.

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
        x, mask, relation = self.embedding(graphs, self._position(graphs)), graphs.mask, graphs.relation
        for layer in self.layers:
            x = layer(x, relation, mask)
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
    """Attention and an MLP, both with pre-normalisation and a residual connection."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.relations = nn.Embedding(RELATIONS, heads)
        self.project = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, relation: Tensor, mask: Tensor) -> Tensor:
        n, m, width = x.shape
        query, key, value = self.project(self.norms[0](x)).view(n, m, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.relations(relation).permute(0, 3, 1, 2).masked_fill(~mask[:, None, None, :], -1e9)
        attended = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        x = x + self.dropout(self.join(attended.transpose(1, 2).reshape(n, m, width)))
        out: Tensor = x + self.dropout(self.mlp(self.norms[1](x)))
        return out
