"""Gradient training of networks: settings, the loop, AdamW with its schedule, torch's generator and threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from predictors.losses import AnnealedKendall, Loss

_WARM_UP = 0.1  # fraction of the steps during which the learning rate rises
_CHECKS = 30  # number of validations in a full run


@dataclass(frozen=True)
class Recipe:
    """How a network is trained on n architectures.

    Attributes:
        loss: a function of scores and targets.
        epochs: maximum number of epochs.
        min_steps: minimum number of steps.
        batch_size: number of architectures per step.
        learning_rate: peak learning rate; it rises linearly, then follows a cosine to 0.
        weight_decay: decoupled weight decay of AdamW.
        clip: maximum norm of a gradient; None for no clipping.
    """

    loss: Loss
    epochs: int
    min_steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    clip: float | None = None

    def parts(self, n: int) -> int:
        """Number of batches per epoch, each with at least two architectures, because ranking losses need pairs."""
        return max(1, min(math.ceil(n / self.batch_size), n // 2))

    def steps(self, n: int) -> int:
        """Maximum number of steps."""
        return max(self.min_steps, self.epochs * self.parts(n))


def train(
    network: nn.Module,
    batches: Iterable[Tensor],
    loss: Callable[[Tensor, float], Tensor],
    recipe: Recipe,
    n: int,
    stop: EarlyStop | None = None,
) -> None:
    """Train a network and leave it in evaluation mode, without gradients.

    Args:
        network: trained in place; dropout and other noise come from torch's global generator.
        batches: numbers of the architectures of each step, in any form that `loss` takes; as many as are needed.
        loss: the loss of a batch at a training progress from 0 to 1.
        recipe: the settings; its loss is not used here.
        n: number of training architectures.
        stop: ends training early, and restores the best weights; None to train for all steps.
    """
    network.train()
    steps = recipe.steps(n)
    descent = WarmCosine(network, recipe.learning_rate, recipe.weight_decay, steps, recipe.clip)
    for step, batch in zip(range(steps), batches, strict=False):
        descent.step(step, loss(batch, step / steps))
        if stop is not None and stop.after(step, steps):
            break
    if stop is not None:
        stop.restore()
    network.eval().requires_grad_(False)


class EarlyStop:
    """Keeps the weights that order held-out architectures best, and ends training when the order stops improving.

    Args:
        network: the network in training.
        scores: returns its scores of the held-out architectures, float32[k].
        targets: their targets, float32[k].
        patience: training ends after this fraction of the steps without a better order.
    """

    def __init__(self, network: nn.Module, scores: Callable[[], Tensor], targets: Tensor, patience: float) -> None:
        self._network, self._scores, self._targets, self._patience = network, scores, targets, patience
        self._best: dict[str, Tensor] | None = None
        self._order, self._step = -math.inf, 0

    def after(self, step: int, steps: int) -> bool:
        """Whether to end after this step of `steps`, counted from 0; the order is checked 30 times in a full run."""
        if (step + 1) % max(1, steps // _CHECKS):
            return False
        order = tau_a(self._scores(), self._targets)
        if order > self._order:
            self._best = {name: value.detach().clone() for name, value in self._network.state_dict().items()}
            self._order, self._step = order, step
            return False
        return step - self._step >= self._patience * steps

    def restore(self) -> None:
        """Give the network its best weights."""
        if self._best is not None:
            self._network.load_state_dict(self._best)


def tau_a(predicted: Tensor, targets: Tensor) -> float:
    """Kendall's tau-a of two tensors [k]."""
    signs = torch.sign(predicted[:, None] - predicted) * torch.sign(targets[:, None] - targets)
    return float(signs.mean())


class WarmCosine:
    """AdamW whose learning rate rises linearly in the first tenth of the steps, then follows a cosine to 0.

    Args:
        network: the network to train.
        peak: peak learning rate.
        weight_decay: decoupled weight decay.
        steps: total number of training steps.
        clip: maximum gradient norm over all parameters; None for no clipping.
    """

    def __init__(
        self, network: nn.Module, peak: float, weight_decay: float, steps: int, clip: float | None = None
    ) -> None:
        self._parameters = list(network.parameters())  # once: a walk through the modules in every step takes time
        self._peak, self._steps, self._clip = peak, steps, clip
        self._optimiser = torch.optim.AdamW(self._parameters, lr=peak, weight_decay=weight_decay, fused=True)

    def step(self, step: int, loss: Tensor) -> None:
        """Update the parameters from the loss of this step; steps are counted from 0."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._peak * warm_cosine(step, self._steps)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self._optimiser.step()


def warm_cosine(step: int, steps: int) -> float:
    """The learning rate of a step (counted from 0) as a fraction of the peak."""
    rising = max(1, int(_WARM_UP * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def descend(network: nn.Module, loss: Callable[[], Tensor], *, steps: int, rate: float, weight_decay: float) -> None:
    """Train with AdamW without warm-up; the learning rate follows a cosine from `rate` to 0.

    Args:
        network: trained in place.
        loss: samples a batch and returns its loss; called once per step.
        steps: total number of training steps.
        rate: learning rate of the first step.
        weight_decay: decoupled weight decay.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        value = loss()
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def loss_at(progress: float, loss: Loss, predicted: Tensor, targets: Tensor) -> Tensor:
    """The loss at a training progress from 0 to 1, which is passed to annealed losses."""
    return loss(predicted, targets, progress) if isinstance(loss, AnnealedKendall) else loss(predicted, targets)


@contextmanager
def private_generator(seed: int) -> Iterator[None]:
    """Seed torch's generator within the context, and restore its state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Set torch's number of threads within the context, and restore it afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def shuffled(rows: Tensor, parts: int, seed: int) -> Iterator[Tensor]:
    """Batches of shuffled rows, epoch after epoch; `parts` batches of about equal size per epoch."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.tensor_split(rows[torch.randperm(len(rows), generator=generator)], parts)


def shuffled_for_members(members: int, n: int, parts: int, seed: int) -> Iterator[Tensor]:
    """Batches int64[members, b]: in each epoch, each member has its own order of all n, split into equal batches.

    An epoch drops the last few if n is not a multiple of the number of batches.
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        orders = torch.rand(members, n, generator=generator).argsort(dim=1)
        yield from (orders[:, part * (n // parts) : (part + 1) * (n // parts)] for part in range(parts))
