"""Operations as gates on information that flows through the graph (GATES)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from predictors.graph.base import GraphPredictor
from predictors.graph.layers import GraphNetwork, Head, NodeEmbedding, Sizes, mean_of_outputs, sum_of_nodes
from predictors.graph.padding import GraphBatch


@dataclass(eq=False, repr=False)
class GATES(GraphPredictor):
    """Information enters at the source nodes and flows through the graph, gated by operations.

    Each node sums the outputs of its predecessors to u, and outputs a * u + g * relu(W u); the gates a and g are
    sigmoids of linear maps of its operation's embedding, so that an operation can pass, transform or block its input.
    Nodes are visited in topological order, so one pass reaches the output however deep the graph is. In later passes
    the operation embeddings are updated with what flowed through them before. The score is computed from the graph's
    outputs and the sum over all nodes. Graphs without edges all get the same embedding.

    Source: GATES (Ning et al., ECCV 2020), which has g * W u, with a second gate for the untransformed input; passes
    with updated operations are from TA-GATES (Ning et al., NeurIPS 2022).

    Args:
        layers: number of passes.
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
    """One pass: node outputs float32[n, m, d] from operations float32[n, m, d] in topological order."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(width).abs())
        self.gates = nn.Linear(width, 2 * width)
        # Half-open gates and small weights would let nothing through a deep graph.
        nn.init.constant_(self.gates.bias, 1.0)
        self.transform = nn.Linear(width, width, bias=False)  # no bias: zero input gives zero output
        nn.init.kaiming_normal_(self.transform.weight, nonlinearity="relu")

    def forward(self, ops: Tensor, adjacency: Tensor) -> Tensor:
        passed, made = self.gates(ops).sigmoid().chunk(2, dim=-1)
        given: Tensor = _Passing.apply(passed, made, self.start, self.transform.weight, adjacency)  # type: ignore[no-untyped-call]
        return given


class _Passing(torch.autograd.Function):
    """Node outputs in topological order: passed * u + made * relu(W u), where u is the normalised input.

    A node's input is the sum of its predecessors' outputs, or the start vector if it has none; u is the input times
    r = (1 + mean of its squares) ** -1/2, so that many predecessors do not blow up the values while small inputs are
    almost unchanged. The backward pass is written out because autograd steps for each node, and for each pair of
    nodes, would take most of the training time.
    """

    @staticmethod
    def forward(ctx: Any, passed: Tensor, made: Tensor, start: Tensor, weight: Tensor, adjacency: Tensor) -> Tensor:
        """From gates float32[n, m, d], start [d], weight [d, d] and edges [n, m, m] to outputs float32[n, m, d]."""
        arrived, transformed, given = (torch.empty_like(passed) for _ in range(3))
        shrunk = passed.new_empty(len(passed), passed.shape[1], 1)
        entry = ((adjacency.sum(dim=1) == 0) & (adjacency.sum(dim=2) > 0)).to(passed.dtype)
        incoming = adjacency.transpose(1, 2).contiguous()  # products with non-contiguous rows are slow
        for node in range(passed.shape[1]):
            arriving = entry[:, node, None] * start
            if node:
                arriving += torch.bmm(incoming[:, node, None, :node], given[:, :node])[:, 0]
            shrunk[:, node] = torch.rsqrt(1 + arriving.square().mean(dim=1, keepdim=True))
            arrived[:, node] = arriving.mul_(shrunk[:, node])
            transformed[:, node] = torch.relu_(arriving @ weight.T)
            given[:, node] = torch.addcmul(passed[:, node] * arriving, made[:, node], transformed[:, node])
        ctx.save_for_backward(passed, made, weight, adjacency, entry, arrived, transformed, shrunk)
        return given

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        passed, made, weight, adjacency, entry, arrived, transformed, shrunk = ctx.saved_tensors
        whole, before_relu, arriving = (torch.empty_like(passed) for _ in range(3))  # gradients
        for node in reversed(range(passed.shape[1])):
            gradient = outer[:, node]
            if node + 1 < passed.shape[1]:
                gradient = gradient + torch.bmm(adjacency[:, node, None, node + 1 :], arriving[:, node + 1 :])[:, 0]
            whole[:, node] = gradient
            before_relu[:, node] = gradient * made[:, node] * (transformed[:, node] > 0)
            u = arrived[:, node]
            by_u = torch.addcmul(before_relu[:, node] @ weight, gradient, passed[:, node])
            arriving[:, node] = (by_u - u * (by_u * u).mean(dim=1, keepdim=True)) * shrunk[:, node]
        by_start = (entry[:, :, None] * arriving).sum(dim=(0, 1))
        by_weight = before_relu.flatten(0, 1).T @ arrived.flatten(0, 1)
        return whole * arrived, whole * transformed, by_start, by_weight, None
