"""What a one-shot method is: hooks of the trainer, whose defaults are single paths drawn uniformly (SPOS).

Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020: each step trains the
weights of one path, drawn uniformly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from proxybench.oneshot.estimates import estimate
from proxybench.oneshot.optimiser import PathSGD
from proxybench.oneshot.stage import Stage, stage_of
from proxybench.oneshot.supernet import Part, Path, Supernet
from proxybench.training.recipe import Recipe
from proxybench.training.train import Part as Images

CLIP = 5.0  # largest norm of the gradients of a step


@dataclass(frozen=True)
class Batch:
    """The images of one step.

    Attributes:
        images: [n, channels, h, w].
        labels: [n].
        rows: their places among the training images, int64[n].
    """

    images: Tensor
    labels: Tensor
    rows: NDArray[np.int64]


DrawBatch = Callable[[np.random.Generator], Batch]


@dataclass
class Method:
    """SPOS: single paths drawn uniformly; the base of all methods.

    Subclasses are dataclasses whose fields are settings (int, float, str, bool or None); other state is what `state`
    returns. All randomness comes from the generators in the arguments.

    Attributes:
        classifies: whether estimates include accuracies; if not, those are NaN and only losses rank.
    """

    classifies: ClassVar[bool] = True

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def supernet(self, make: Callable[[], Supernet]) -> Supernet:
        """The supernet to train, from a function that returns a new one of the space."""
        return make()

    def optimiser(self, weights: Iterable[nn.Parameter], recipe: Recipe) -> PathSGD:
        """The optimiser of these weights."""
        return PathSGD(weights, momentum=recipe.momentum, weight_decay=recipe.weight_decay, clip=CLIP)

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        """The first stages of a training of so many epochs in all. Raises ProxybenchError for wrong settings."""
        return [Stage(supernet.whole(), epochs)]

    def next_stages(
        self, supernet: Supernet, stages: Sequence[Stage], number: int, draw: DrawBatch, rng: np.random.Generator
    ) -> list[Stage]:
        """The stages to add after one has been trained.

        Args:
            supernet: with the weights of the stage.
            stages: all stages so far.
            number: number of the stage that has been trained.
            draw: a function that draws a batch of training images.
            rng: generator of all other draws.
        """
        return []

    def begin(self, supernet: Supernet, images: int) -> None:
        """Prepare for a new stage with this number of training images."""

    def rows(self, images: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """The order of training images in an epoch, int64[images]; depends only on earlier epochs."""
        return rng.permutation(images)

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        """The paths that a step trains, all on the same images."""
        return [supernet.draw(part, rng)]

    def learn(self, supernet: Supernet, batch: Batch, paths: Sequence[Path]) -> float:
        """Add to the gradients of the weights those of a step; returns the mean loss of the paths."""
        total = 0.0
        for path in paths:
            supernet.select(path)
            logits = supernet(batch.images)
            loss = cross_entropy(logits, batch.labels)
            torch.autograd.backward(loss)
            self.after_path(supernet, path, batch, logits.detach())
            total += loss.item()
        return total / len(paths)

    def after_path(self, supernet: Supernet, path: Path, batch: Batch, logits: Tensor) -> None:
        """Take note of the gradients of a path and its logits [n, classes]."""

    def after_epoch(self, done: float) -> None:
        """Take note of the end of an epoch; `done` is the fraction of the stage's epochs, 1 after the last."""

    def route(self, path: Path) -> Path:
        """The path of the trained supernet that estimates a path of the space."""
        return path

    def stage(self, stages: Sequence[Stage], path: Path) -> int:
        """The number of the stage whose supernet estimates a path."""
        return stage_of(stages, path)

    def estimate(
        self, supernet: Supernet, path: Path, calibration: Tensor | None, validation: Images
    ) -> tuple[float, float]:
        """Accuracy in percent and loss of a path that `route` returned, as in `oneshot.estimates.estimate`."""
        return estimate(supernet, path, calibration, validation)

    def derived(self, supernet: Supernet) -> Path | None:
        """The path that the training chose, from the last trained supernet; None for methods that only estimate."""
        return None

    def findings(self, supernet: Supernet) -> Mapping[str, float | str]:
        """Figures and texts about the training to report, by name, from the last trained supernet."""
        return {}

    def state(self) -> dict[str, Any]:
        """What the method has learned: tensors, numbers, text, and lists and dictionaries of these."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue with what `state` returned."""
