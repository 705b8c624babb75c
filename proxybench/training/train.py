"""Training: several seeds of one architecture at once, each with its own weights and order of images."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from proxybench.errors import ProxybenchError
from proxybench.networks.base import Network
from proxybench.training.optimiser import FlatSGD, one_cycle
from proxybench.training.recipe import MEASURED, Recipe
from proxybench.training.stack import SeedStack, stack

EVALUATED = 500  # images evaluated at once

Classifier = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Part:
    """Images [n, channels, h, w] and their labels [n]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Parts:
    """The three parts of a set of images."""

    train: Part
    validation: Part
    test: Part


def split(images: Tensor, labels: Tensor, recipe: Recipe) -> Parts:
    """Split into the recipe's parts in order: training, validation, test. Raises ProxybenchError for too few images."""
    ends = np.cumsum([recipe.train, recipe.validation, recipe.test])
    if ends[-1] > len(labels):
        raise ProxybenchError(f"the recipe takes {ends[-1]} images, but there are {len(labels)}")
    starts = (0, *ends[:-1])
    return Parts(*(Part(images[start:end], labels[start:end]) for start, end in zip(starts, ends, strict=True)))


def train(
    networks: Sequence[Network], parts: Parts, recipe: Recipe, seeds: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Train networks that differ only in their weights, all at once.

    If the training of a network diverges, it continues with NaN weights: its losses are NaN and its accuracy is that of
    predicting the first class.

    Args:
        networks: one per seed; they are not modified.
        parts: images and labels.
        recipe: training recipe.
        seeds: for each network, the seed of the order and mirroring of images.

    Returns:
        Each of MEASURED as float64[budgets, S]. Accuracies are in percent; losses are mean cross-entropies in nats;
        `train_loss` is the mean over the steps of the budget's last epoch; `train_s` is the training time so far in
        seconds, excluding evaluation, divided by S.
    """
    stacked = stack(networks, parts.train.images[:2])
    _compile(stacked, parts.train)
    optimiser = FlatSGD(stacked.parameters(), momentum=recipe.momentum, weight_decay=recipe.weight_decay)
    steps = Steps(parts.train, recipe, seeds)
    found = {name: np.full((len(recipe.budgets), len(seeds)), np.nan) for name in MEASURED}
    seconds = 0.0
    for epoch in range(1, recipe.epochs + 1):
        start = clock(parts.train.images)
        train_loss = _epoch(stacked, optimiser, steps, recipe, epoch)
        seconds += clock(parts.train.images) - start
        if epoch in recipe.budgets:
            budget = recipe.budgets.index(epoch)
            found["train_loss"][budget], found["train_s"][budget] = train_loss, seconds / len(seeds)
            stacked.eval()
            for name, part in (("val", parts.validation), ("test", parts.test)):
                found[f"{name}_acc"][budget], found[f"{name}_loss"][budget] = evaluate(stacked, part, len(seeds))
            stacked.train()
    return found


def evaluate(classifier: Classifier, part: Part, seeds: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracy in percent and mean cross-entropy in nats of each seed.

    Args:
        classifier: maps images [n, S, channels, h, w] to logits [S, n, classes].
        part: the images that every seed gets.
        seeds: S.
    """
    correct, loss = torch.zeros(2, seeds, dtype=torch.float64).unbind()
    with torch.no_grad():
        for start in range(0, len(part), EVALUATED):
            images, labels = part.images[start : start + EVALUATED], part.labels[start : start + EVALUATED]
            logits = classifier(images[:, None].expand(-1, seeds, -1, -1, -1))
            correct += (logits.argmax(2) == labels).sum(1).cpu()
            loss += _losses(logits, labels.expand(seeds, -1)).sum(1).cpu()
    return 100 * correct.numpy() / len(part), loss.numpy() / len(part)


class Steps:
    """The batches of an epoch, each seed's drawn by its own generator.

    Args:
        part: the training images.
        recipe: batch size and mirroring.
        seeds: one for each network.
    """

    def __init__(self, part: Part, recipe: Recipe, seeds: Sequence[int]) -> None:
        self._flip, self._batch = recipe.flip, recipe.batch
        self._images = torch.cat([part.images, part.images.flip(3)]) if recipe.flip else part.images
        self._labels = part.labels
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __len__(self) -> int:
        return len(self._labels) // self._batch

    def epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Images [batch, S, channels, h, w] and labels [S, batch] of each step."""
        rows = torch.stack([self._draw(generator) for generator in self._generators], dim=1).to(self._labels.device)
        for step in torch.split(rows[: len(self) * self._batch], self._batch):
            yield self._images[step], self._labels[step % len(self._labels)].t()

    def _draw(self, generator: torch.Generator) -> Tensor:
        n = len(self._labels)
        rows = torch.randperm(n, generator=generator)
        return rows + n * torch.randint(2, (n,), generator=generator) if self._flip else rows


def _epoch(stacked: SeedStack, optimiser: FlatSGD, steps: Steps, recipe: Recipe, epoch: int) -> NDArray[np.float64]:
    """Train for the given epoch, counted from 1; returns the mean loss of each seed."""
    total = torch.zeros(stacked.seeds, dtype=torch.float64)
    for number, (images, labels) in enumerate(steps.epoch(), start=(epoch - 1) * len(steps)):
        losses = _losses(stacked(images), labels).mean(1)
        torch.autograd.backward(losses.sum())
        optimiser.step(one_cycle(number, recipe.epochs * len(steps), recipe.rate, recipe.warmup))
        total += losses.detach().cpu()
    mean: NDArray[np.float64] = (total / len(steps)).numpy()
    return mean


def _compile(stacked: SeedStack, part: Part) -> None:
    """Take a step with a copy, so that compilation on first use does not count as training time."""
    images, labels = part.images[:2, None].expand(-1, stacked.seeds, -1, -1, -1), part.labels[:2]
    torch.autograd.backward(_losses(copy.deepcopy(stacked)(images), labels.expand(stacked.seeds, -1)).sum())


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropies [S, n] for logits [S, n, classes]."""
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)


def clock(images: Tensor) -> float:
    """CPU seconds of this process, or wall time if another device does the work."""
    if images.device.type == "cpu":
        return time.process_time()
    torch.accelerator.synchronize()
    return time.perf_counter()
