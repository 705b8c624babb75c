"""Training of one graph network, with early stopping on a held-out fold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from predictors.descent import EarlyStop, Recipe, loss_at, private_generator, shuffled, train
from predictors.graph.padding import GraphBatch
from predictors.graph.scoring import scores

Network = TypeVar("Network", bound=nn.Module)


def trained_on(
    make: Callable[[], Network],
    graphs: GraphBatch,
    targets: Tensor,
    recipe: Recipe,
    seed: int,
    held_out: Tensor | None = None,
    patience: float = 1.0,
) -> Network:
    """A network trained on all but `held_out`, with the weights that ordered `held_out` best.

    Args:
        make: builds the network with weights from torch's global generator, which is seeded and later restored.
        graphs: n architectures.
        targets: float32[n].
        recipe: the training settings.
        seed: seed of weights, batches and dropout.
        held_out: int64 indices of the fold for early stopping; None to train on everything for all steps.
        patience: training stops after this fraction of the steps without a better order of the held-out fold.
    """
    kept = torch.ones(len(graphs), dtype=torch.bool)
    if held_out is not None:
        kept[held_out] = False
    rows = kept.nonzero().flatten()
    batches = shuffled(rows, recipe.parts(len(rows)), seed)
    with private_generator(seed):
        network = make()

        def loss(batch: Tensor, progress: float) -> Tensor:
            return loss_at(progress, recipe.loss, network(graphs[batch]), targets[batch])

        stop = None
        if held_out is not None:
            stop = EarlyStop(network, lambda: scores(network, graphs[held_out]), targets[held_out], patience)
        train(network, batches, loss, recipe, len(rows), stop)
    return network
