"""Shared parts of gradient training: AdamW with its schedule, annealed losses, torch's generator and threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from predictors.losses import AnnealedKendall, Loss

_WARM_UP = 0.1  # fraction of the steps during which the learning rate rises


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
        self._network, self._peak, self._steps, self._clip = network, peak, steps, clip
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=peak, weight_decay=weight_decay, fused=True)

    def step(self, step: int, loss: Tensor) -> None:
        """Update the parameters from the loss of this step; steps are counted from 0."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._peak * warm_cosine(step, self._steps)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._clip is not None:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._clip)
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
