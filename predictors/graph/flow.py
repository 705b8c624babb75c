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
        given: Tensor = _Passing.apply(passed, made, self.start, self.transform.weight, adjacency)  # type: ignore[no-untyped-call]
        return given


class _Passing(torch.autograd.Function):
    """What nodes give, in topological order: passed * u + made * relu(W u), where u is what arrives, kept small.

    Arriving at a node is the sum of what its predecessors give, or the start where it has none; u is that times
    r = (1 + mean of its squares) ** -1/2, so that many inputs do not blow up what they feed and what is small stays as
    it is. Written out because a step of autograd for each node, and for each pair of nodes, takes most of a training.
    """

    @staticmethod
    def forward(ctx: Any, passed: Tensor, made: Tensor, start: Tensor, weight: Tensor, adjacency: Tensor) -> Tensor:
        """Of gates float32[n, m, d], start [d], weight [d, d] and edges [n, m, m]; float32[n, m, d]."""
        arrived, transformed, given = (torch.empty_like(passed) for _ in range(3))
        shrunk = passed.new_empty(len(passed), passed.shape[1], 1)
        entry = ((adjacency.sum(dim=1) == 0) & (adjacency.sum(dim=2) > 0)).to(passed.dtype)
        incoming = adjacency.transpose(1, 2).contiguous()  # products with rows that lie apart are slow
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
