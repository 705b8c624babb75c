"""Training of an MABN: AdamW, a cosine schedule, and the Bayesian layers' divergence as in variational inference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from predictors.descent import WarmCosine, loss_at
from predictors.losses import Loss
from predictors.parzc.bayesian import divergence
from predictors.parzc.network import MABN, Inputs


@dataclass(frozen=True)
class Recipe:
    """How the members are trained.

    Attributes:
        loss: a function of scores and targets.
        epochs: number of epochs.
        min_steps: minimum number of steps.
        batch_size: number of architectures per step, drawn separately for each member.
        learning_rate: peak learning rate; it rises linearly, then follows a cosine to 0.
        weight_decay: decoupled weight decay of AdamW.
        divergence: weight of the Kullback-Leibler divergence, in units of 1 / n.
    """

    loss: Loss
    epochs: int
    min_steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    divergence: float


def train(network: MABN, take: Callable[[Tensor], Inputs], targets: Tensor, recipe: Recipe, seed: int) -> None:
    """Train the members and leave them in evaluation mode.

    Minimises loss + weight / n * divergence for each member; if the loss is the negative log-likelihood and the weight
    is 1, this is the variational free energy per architecture (Blundell et al., ICML 2015, equation 8).

    Args:
        network: trained in place. Weight samples and dropout come from torch's global generator.
        take: returns the inputs of the architectures with these numbers, int64[m, b].
        targets: float32[n].
        recipe: the training settings.
        seed: seed of the batches.
    """
    network.train()
    n = len(targets)
    parts = max(1, min(math.ceil(n / recipe.batch_size), n // 2))
    steps = max(recipe.min_steps, recipe.epochs * parts)
    descent = WarmCosine(network, recipe.learning_rate, recipe.weight_decay, steps)
    batches = _batches(network.shape.members, n, parts, seed)
    for step, chosen in zip(range(steps), batches, strict=False):
        predicted = network(take(chosen))
        wanted = targets[chosen]
        value = torch.stack(
            [loss_at(step / steps, recipe.loss, one, other) for one, other in zip(predicted, wanted, strict=True)]
        ).sum()
        apart = divergence(network) if recipe.divergence else None
        if apart is not None:
            value = value + recipe.divergence / n * apart.sum()
        descent.step(step, value)
    network.eval().requires_grad_(False)


def _batches(members: int, n: int, parts: int, seed: int) -> Iterator[Tensor]:
    """Batches int64[members, b]: in each epoch, each member has its own order of all n, split into equal batches.

    An epoch drops the last few if n is not a multiple of the number of batches.
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        orders = torch.rand(members, n, generator=generator).argsort(dim=1)
        yield from (orders[:, part * (n // parts) : (part + 1) * (n // parts)] for part in range(parts))
