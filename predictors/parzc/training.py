"""Training of a MABN: AdamW, a cosine schedule, and the Bayesian layers' divergence as in variational inference."""

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
        loss: of scores and targets.
        epochs: passes over the training part.
        min_steps: steps that these amount to at least.
        batch_size: architectures of a step, drawn for each member on its own.
        learning_rate: its peak; rises linearly, then falls as a cosine to 0.
        weight_decay: decoupled, AdamW's.
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
    """Train the members, which are left in evaluation mode.

    Minimises, for each member, loss + weight / n * divergence: with the negative log likelihood as loss and weight 1 it
    is the variational free energy of one architecture (Blundell et al., ICML 2015, equation 8).

    Args:
        network: trained in place. Draws of weights and dropout come from torch's own generator.
        take: inputs of the architectures of these numbers, int64[m, b].
        targets: float32[n].
        recipe: how.
        seed: of the batches.
    """
    network.train()
    n = len(targets)
    parts = max(1, min(math.ceil(n / recipe.batch_size), n // 2))
    steps = max(recipe.min_steps, recipe.epochs * parts)
    descent = WarmCosine(network, recipe.learning_rate, recipe.weight_decay, steps)
    batches = _batches(network.shape.members, n, parts, seed)
    for step, chosen in zip(range(steps), batches, strict=False):
        predicted = network(take(chosen))
        told = targets[chosen]
        value = torch.stack(
            [loss_at(step / steps, recipe.loss, one, other) for one, other in zip(predicted, told, strict=True)]
        ).sum()
        apart = divergence(network) if recipe.divergence else None
        if apart is not None:
            value = value + recipe.divergence / n * apart.sum()
        descent.step(step, value)
    network.eval().requires_grad_(False)


def _batches(members: int, n: int, parts: int, seed: int) -> Iterator[Tensor]:
    """int64[members, b]: each member goes through all n in an order of its own, in equal parts, pass after pass.

    A pass leaves out the last few where n is no multiple of the number of parts.
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        orders = torch.rand(members, n, generator=generator).argsort(dim=1)
        yield from (orders[:, part * (n // parts) : (part + 1) * (n // parts)] for part in range(parts))
