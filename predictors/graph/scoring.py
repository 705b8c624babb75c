"""Scores of a graph network; of many architectures, equal graphs are embedded once, in chunks of similar size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from predictors.graph.layers import GraphNetwork
from predictors.graph.padding import GraphBatch

_CHUNK = 512  # graphs at once; small chunks fit in the processor's cache


def scores(network: nn.Module, graphs: GraphBatch) -> Tensor:
    """The network's output without dropout, float32[n]; its mode is restored."""
    training = network.training
    network.eval()
    with torch.inference_mode():
        value: Tensor = network(graphs)
    network.train(training)
    return value


@torch.inference_mode()
def scores_of_many(networks: Sequence[GraphNetwork], graphs: GraphBatch) -> list[Tensor]:
    """The networks' scores for n >= 1 architectures without dropout, float32[n] each; their modes are restored.

    After reduction many architectures have the same graph and differ only in their columns. Graphs are sorted by
    their number of nodes, so that there is little padding. The networks share the prepared chunks.
    """
    training = [network.training for network in networks]
    for network in networks:
        network.eval()
    distinct, which = graphs.distinct()
    sizes = distinct.mask.sum(dim=1)
    order = torch.argsort(sizes, stable=True)
    parts: list[list[Tensor]] = [[] for _ in networks]
    for rows in torch.split(order, _CHUNK):
        chunk = distinct[rows].first_nodes(max(1, int(sizes[rows[-1]])))
        for own, network in zip(parts, networks, strict=True):
            own.append(network.embed(chunk))
    place = torch.argsort(order)[which]
    found = [network.head(torch.cat(own)[place], graphs.columns) for own, network in zip(parts, networks, strict=True)]
    for network, mode in zip(networks, training, strict=True):
        network.train(mode)
    return found
