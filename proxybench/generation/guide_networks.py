"""Networks with which a guide reads noisy graphs: an MLP, or any graph network of `predictors` adapted to them.

A graph network looks up operations by number. Here each look-up becomes a linear map of the node's row, so that the
network has a gradient with respect to the row; edges are replaced by their expected values, and the noise level takes
the place of the training-free columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from predictors import PREDICTORS
from predictors.errors import unknown_name
from predictors.graph.layers import NodeEmbedding, Sizes
from predictors.graph.topology import POSITIONS, topology
from proxybench.generation.layout import Layout
from proxybench.generation.network import TIME_FEATURES, log_likelihood, time_features

GRAPH_NETWORKS = ("flan", "gates", "gcn", "gin", "graph_transformer")


@dataclass(frozen=True)
class NoisyGraphs:
    """n noisy graphs with the interface that graph networks expect (`predictors.graph.padding.GraphBatch`).

    Attributes:
        rows: rows of the nodes, float32[n, nodes, features].
        adjacency: float32[n, nodes, nodes]; [., i, j] is the probability that node i feeds node j.
        relation: int64[n, nodes, nodes], for the graph with every possible edge.
        position: float32[n, nodes, POSITIONS], for the same graph.
        mask: bool[n, nodes], all true.
        columns: float32[n, TIME_FEATURES].
    """

    rows: Tensor
    adjacency: Tensor
    relation: Tensor
    position: Tensor
    mask: Tensor
    columns: Tensor

    def __len__(self) -> int:
        return len(self.rows)


class NoisyInput(nn.Module):
    """Noisy tensors as NoisyGraphs, nodes in topological order. Rows contain likelihoods and the scaled tensor."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        found = topology(layout.nodes, (*layout.fixed, *layout.free))
        self.order = torch.from_numpy(found.order)
        self.relation = torch.from_numpy(found.relation).long()
        self.position = torch.from_numpy(found.position)

    @property
    def features(self) -> int:
        """Columns of a row."""
        return 2 * self.layout.width

    def forward(self, x: Tensor, scale: Tensor, deviation: Tensor) -> NoisyGraphs:
        """Convert float32[n, nodes, width], given the scale and the noise's standard deviation, float32[n] each."""
        n, nodes = len(x), self.layout.nodes
        own = self.layout.normalise(log_likelihood(x, scale, deviation, self.layout))
        scaled = x * torch.rsqrt(0.25 * scale**2 + deviation**2)[:, None, None]
        if self.layout.free:
            arriving = own[..., self.layout.labels :]
        else:
            arriving = self.layout.fixed_edges.float().expand(n, nodes, nodes)
        return NoisyGraphs(
            torch.cat([own, scaled], dim=-1)[:, self.order],
            arriving.transpose(1, 2)[:, self.order][:, :, self.order],
            self.relation.expand(n, nodes, nodes),
            self.position.expand(n, nodes, POSITIONS),
            torch.ones(n, nodes, dtype=torch.bool),
            time_features(scale, deviation),
        )


class FlatNetwork(nn.Module):
    """An MLP on the concatenation of all rows: NoisyGraphs -> float32[n, outputs]."""

    def __init__(self, given: NoisyInput, outputs: int, hidden: int) -> None:
        super().__init__()
        columns = given.features * given.layout.nodes + TIME_FEATURES
        self.layers = nn.Sequential(
            nn.Linear(columns, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, outputs),
        )

    def forward(self, graphs: NoisyGraphs) -> Tensor:
        answer: Tensor = self.layers(torch.cat([graphs.rows.flatten(1), graphs.columns], dim=1))
        return answer


class GraphNetworks(nn.Module):
    """One graph network of `predictors` for each output: NoisyGraphs -> float32[n, outputs]."""

    def __init__(self, name: str, given: NoisyInput, outputs: int, hidden: int) -> None:
        super().__init__()
        sizes = Sizes(float(given.layout.nodes), 1, 0, POSITIONS, TIME_FEATURES)
        family = PREDICTORS[name](hidden=hidden, encodings="", dropout=0.0)
        self.networks = nn.ModuleList(_with_noisy_nodes(family._network(sizes), given.features) for _ in range(outputs))

    def forward(self, graphs: NoisyGraphs) -> Tensor:
        return torch.stack([network(graphs) for network in self.networks], dim=1)


class _NoisyEmbedding(nn.Module):
    """Replaces NodeEmbedding: a linear map of the rows and of the node positions."""

    def __init__(self, replaced: NodeEmbedding, features: int) -> None:
        super().__init__()
        width = replaced.ops.shape[1]
        self.rows = nn.Linear(features, width)
        self.numbers = nn.Linear(POSITIONS, width) if replaced.positions else None

    def forward(self, graphs: NoisyGraphs, position: Tensor | None = None) -> Tensor:
        state: Tensor = self.rows(graphs.rows)
        if self.numbers is not None:
            state = state + self.numbers(graphs.position if position is None else position)
        return state


def _with_noisy_nodes(network: nn.Module, features: int) -> nn.Module:
    for name, child in list(network.named_children()):
        if isinstance(child, NodeEmbedding):
            setattr(network, name, _NoisyEmbedding(child, features))
    return network


def make_network(name: str, given: NoisyInput, outputs: int, hidden: int) -> nn.Module:
    """The network of a guide: "mlp", or one of GRAPH_NETWORKS. Raises UnknownName for any other name."""
    if name == "mlp":
        return FlatNetwork(given, outputs, hidden)
    if name not in GRAPH_NETWORKS:
        raise unknown_name("network of a guide", name, ("mlp", *GRAPH_NETWORKS))
    return GraphNetworks(name, given, outputs, hidden)
