"""Training of a network that scores graphs: AdamW, cosine schedule, early stopping on a held-out fold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from predictors.descent import WarmCosine, loss_at, private_generator
from predictors.graph.padding import GraphBatch
from predictors.losses import Loss

Network = TypeVar("Network", bound=nn.Module)
_CHECKS = 30  # number of validations in a full run
_LONGEST_GRADIENT = 5.0  # longer gradients are clipped


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        loss: a function of scores and targets.
        epochs: maximum number of epochs.
        min_steps: minimum number of steps.
        batch_size: number of architectures per step.
        learning_rate: peak learning rate; it rises linearly, then follows a cosine to 0.
        weight_decay: decoupled weight decay of AdamW.
        patience: training stops after this fraction of the steps without a better order of the held-out fold.
    """

    loss: Loss
    epochs: int
    min_steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: float


def train(
    make: Callable[[], Network],
    graphs: GraphBatch,
    targets: Tensor,
    held_out: Tensor | None,
    recipe: Recipe,
    seed: int,
) -> Network:
    """A network trained on all but `held_out`, with the weights that ordered `held_out` best.

    Args:
        make: builds the network with weights from torch's global generator, which is seeded and later restored.
        graphs: n architectures.
        targets: float32[n].
        held_out: int64 indices of the fold for early stopping; None to train on everything for all steps.
        recipe: the training settings.
        seed: seed of weights, batches and dropout.
    """
    with private_generator(seed):
        network = make()
        kept = torch.ones(len(graphs), dtype=torch.bool)
        if held_out is not None:
            kept[held_out] = False
        rows = kept.nonzero().flatten()
        best, best_order, best_step = None, -math.inf, 0
        parts = max(1, min(math.ceil(len(rows) / recipe.batch_size), len(rows) // 2))
        steps = max(recipe.min_steps, recipe.epochs * parts)
        every = max(1, steps // _CHECKS)
        descent = WarmCosine(network, recipe.learning_rate, recipe.weight_decay, steps, _LONGEST_GRADIENT)
        for step, batch in zip(range(steps), _batches(rows, parts, seed), strict=False):
            descent.step(step, loss_at(step / steps, recipe.loss, network(graphs[batch]), targets[batch]))
            if held_out is None or (step + 1) % every:
                continue
            order = _tau(scores(network, graphs[held_out]), targets[held_out])
            if order > best_order:
                best = {name: value.detach().clone() for name, value in network.state_dict().items()}
                best_order, best_step = order, step
            elif step - best_step >= recipe.patience * steps:
                break
        if best is not None:
            network.load_state_dict(best)
    return network.eval().requires_grad_(False)


def scores(network: nn.Module, graphs: GraphBatch) -> Tensor:
    """The network's output without dropout, float32[n]; its mode is restored."""
    training = network.training
    network.eval()
    with torch.inference_mode():
        value: Tensor = network(graphs)
    network.train(training)
    return value


def _batches(rows: Tensor, parts: int, seed: int) -> Iterator[Tensor]:
    """Batches of shuffled rows, epoch after epoch; of about equal size, because ranking losses need pairs."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.tensor_split(rows[torch.randperm(len(rows), generator=generator)], parts)


def _tau(predicted: Tensor, targets: Tensor) -> float:
    """Kendall's tau-a."""
    signs = torch.sign(predicted[:, None] - predicted) * torch.sign(targets[:, None] - targets)
    return float(signs.mean())
