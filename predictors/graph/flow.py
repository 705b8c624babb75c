"""Operations as gates on information that flows through the graph (GATES)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from predictors.graph.base import GraphPredictor
from predictors.graph.layers import GraphNetwork, Head, NodeEmbedding, Sizes, mean_of_outputs, sum_of_nodes
from predictors.graph.padding import GraphBatch


@dataclass(eq=False, repr=False)
class GATES(GraphPredictor):
    """Information enters at nodes that feed others and are fed by none and flows through the graph; operations gate it.

    A node sums what its predecessors give, u, and gives a * u + g * relu(W u); the gates a and g are sigmoids of
    linear maps of its operation's embedding, so that an operation can pass, transform or block what it gets. Nodes
    are visited in topological order, so that one pass reaches the output however deep the graph is. A later pass has
    operations that know what flowed through them before. What the outputs give and the sum of what all nodes give
    are scored. Graphs without edges are all alike to it.

    Source: GATES (Ning et al., ECCV 2020), whose g * W u this is with a second gate for what is passed on; passes
    with updated operations are those of TA-GATES (Ning et al., NeurIPS 2022).

    Args:
        layers: passes.
    """

    layers: int = 1

    def _network(self, sizes: Sizes) -> GraphNetwork:
        return _GATES(sizes, self.hidden, self.layers, self.dropout)


class _GATES(GraphNetwork):
    def __init__(self, sizes: Sizes, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.sizes = sizes
        self.embedding = NodeEmbedding(sizes, hidden)
        self.passes = nn.ModuleList(Flow(hidden) for _ in range(layers))
        self.updates = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, hidden))
            for _ in range(layers - 1)
        )
        self.head = Head(2 * hidden, sizes.columns, hidden, dropout)

    def embed(self, graphs: GraphBatch) -> Tensor:
        ops, adjacency = self.embedding(graphs), graphs.adjacency
        x = self.passes[0](ops, adjacency)
        for flow, update in zip(list(self.passes)[1:], self.updates, strict=True):
            ops = ops + update(torch.cat([ops, x], dim=-1))
            x = flow(ops, adjacency)
        return torch.cat([mean_of_outputs(x, graphs), sum_of_nodes(x, graphs, self.sizes)], dim=1)


class Flow(nn.Module):
    """One pass: what each node gives, float32[n, m, d], of operations float32[n, m, d] in topological order."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(width).abs())
        self.gates = nn.Linear(width, 2 * width)
        # Half open gates and small weights let nothing through a deep graph.
        nn.init.constant_(self.gates.bias, 1.0)
        self.transform = nn.Linear(width, width, bias=False)  # no bias: where nothing arrives nothing is made
        nn.init.kaiming_normal_(self.transform.weight, nonlinearity="relu")

    def forward(self, ops: Tensor, adjacency: Tensor) -> Tensor:
        passed, made = self.gates(ops).sigmoid().chunk(2, dim=-1)
        entry = ((adjacency.sum(dim=1) == 0) & (adjacency.sum(dim=2) > 0)).to(ops.dtype)
        given: list[Tensor] = []
        for node in range(ops.shape[1]):
            arriving = entry[:, node, None] * self.start
            if given:
                before = torch.stack(given, dim=1)
                arriving = arriving + torch.einsum("nj,njd->nd", adjacency[:, :node, node], before)
            # Many inputs must not blow up what they feed; what is small stays as it is.
            arriving = arriving * torch.rsqrt(1 + arriving.square().mean(dim=1, keepdim=True))
            given.append(passed[:, node] * arriving + made[:, node] * torch.relu(self.transform(arriving)))
        return torch.stack(given, dim=1)
