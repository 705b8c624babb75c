"""Scores of a graph network; of many architectures, equal graphs are embedded once, in chunks of similar size."""

from __future__ import annotations

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
def scores_of_many(network: GraphNetwork, graphs: GraphBatch) -> Tensor:
    """The network's scores for n >= 1 architectures without dropout, float32[n]; its mode is restored.

    After reduction many architectures have the same graph and differ only in their columns. Graphs are sorted by
    their number of nodes, so that there is little padding.
    """
    training = network.training
    network.eval()
    distinct, which = graphs.distinct()
    sizes = distinct.mask.sum(dim=1)
    order = torch.argsort(sizes, stable=True)
    chunks = [distinct[rows].first_nodes(max(1, int(sizes[rows[-1]]))) for rows in torch.split(order, _CHUNK)]
    found = torch.cat([network.embed(chunk) for chunk in chunks])
    embeddings = torch.empty_like(found)
    embeddings[order] = found
    found_scores: Tensor = network.head(embeddings[which], graphs.columns)
    network.train(training)
    return found_scores
