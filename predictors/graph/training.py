"""Training of a network that scores graphs: AdamW, cosine schedule, early stop on a part of the training part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from predictors.graph.padding import GraphBatch
from predictors.losses import AnnealedKendall, Loss

Network = TypeVar("Network", bound=nn.Module)
_CHECKS = 30  # times that a whole run looks at the held-out part
_WARM_UP = 0.1  # share of the steps in which the learning rate rises


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        loss: of scores and targets.
        epochs: most passes over the training part.
        min_steps: steps that these amount to at least.
        batch_size: architectures of a step.
        learning_rate: its peak; rises linearly, then falls as a cosine to 0.
        weight_decay: decoupled, AdamW's.
        patience: share of the steps without a better order of the held-out part after which training ends.
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
    """A network trained on all but `held_out`, with the weights that ordered that part best.

    Args:
        make: builds the network; draws its weights from torch's own generator, which is seeded for it and given back.
        graphs: n architectures.
        targets: float32[n].
        held_out: int64 indices of the part to stop by; None trains on everything for all steps.
        recipe: how.
        seed: of weights, batches and dropout.
    """
    with private_generator(seed):
        network = make()
        kept = torch.ones(len(graphs), dtype=torch.bool)
        if held_out is not None:
            kept[held_out] = False
        rows = kept.nonzero().flatten()
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        best, best_order, best_step = None, -math.inf, 0
        parts = max(1, min(math.ceil(len(rows) / recipe.batch_size), len(rows) // 2))
        steps = max(recipe.min_steps, recipe.epochs * parts)
        every = max(1, steps // _CHECKS)
        for step, batch in zip(range(steps), _batches(rows, parts, seed), strict=False):
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * _schedule(step, steps)
            _step(network, optimiser, recipe.loss, graphs[batch], targets[batch], step / steps)
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
    """What the network gives without dropout, float32[n]; its mode stays as it was."""
    training = network.training
    network.eval()
    with torch.inference_mode():
        value: Tensor = network(graphs)
    network.train(training)
    return value


@contextmanager
def private_generator(seed: int) -> Iterator[None]:
    """Within, torch's generator is that of the seed; after, it is where it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Within, torch uses so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    loss: Loss,
    graphs: GraphBatch,
    targets: Tensor,
    progress: float,
) -> None:
    optimiser.zero_grad(set_to_none=True)
    predicted = network(graphs)
    value = loss(predicted, targets, progress) if isinstance(loss, AnnealedKendall) else loss(predicted, targets)
    value.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()


def _schedule(step: int, steps: int) -> float:
    rising = max(1, int(_WARM_UP * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _batches(rows: Tensor, parts: int, seed: int) -> Iterator[Tensor]:
    """Parts of the rows in random order, pass after pass; of about equal size, because a loss needs pairs."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.tensor_split(rows[torch.randperm(len(rows), generator=generator)], parts)


def _tau(predicted: Tensor, targets: Tensor) -> float:
    """Kendall's tau-a."""
    signs = torch.sign(predicted[:, None] - predicted) * torch.sign(targets[:, None] - targets)
    return float(signs.mean())
