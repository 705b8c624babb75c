"""The training loop of all one-shot methods: one supernet after another, resumable at any step.

All draws of a step come from generators seeded by the seed, the stage and the step, so that a resumed training
repeats nothing and equals an uninterrupted one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.optimiser import PathSGD
from proxybench.oneshot.stage import Stage, Weights
from proxybench.oneshot.supernet import Supernet
from proxybench.sweeps.sweep import one_thread, seed_of
from proxybench.training.optimiser import one_cycle
from proxybench.training.recipe import Recipe
from proxybench.training.train import Part, clock

SAVE_S = 20.0  # seconds between checkpoints

OnStep = Callable[[int, int], None]  # takes the steps done and the steps planned so far
Save = Callable[[Mapping[str, Any]], None]


class Trainer:
    """Trains the stages of a method.

    A step changes only the weights that its paths use.

    Args:
        method: what differs between methods.
        make: returns a new supernet of the space.
        images: the training images.
        recipe: batch size, rate, momentum, weight decay and mirroring; its epochs are not used.
        epochs: passes over the training images, in all stages together.
        seed: of the weights, paths and images.
        averaged: each stage ends with the mean of the weights after this many last epochs.

    Attributes:
        method: what differs between methods.
        stages: the stages planned so far.
        finished: the weights of those that are trained.
        losses: mean training loss of each epoch of each stage.
        seconds: processor seconds so far, or wall time on another device.
        passes: paths trained so far, counted for each step.
    """

    def __init__(
        self,
        method: Method,
        make: Callable[[], Supernet],
        images: Part,
        recipe: Recipe,
        *,
        epochs: int,
        seed: int = 0,
        averaged: int = 1,
    ) -> None:
        self.method, self._make, self._recipe, self._seed, self._averaged = method, make, recipe, seed, averaged
        self._images = torch.cat([images.images, images.images.flip(3)]) if recipe.flip else images.images
        self._labels = images.labels
        self._per_epoch = len(images) // recipe.batch
        self._supernet = self._new_supernet(0)
        self._optimiser = self._new_optimiser()
        self.stages = method.stages(self._supernet, epochs)
        self.finished: list[Weights] = []
        self.losses: list[list[float]] = []
        self.seconds, self.passes = 0.0, 0
        self._step = 0
        self._total, self._sums = 0.0, dict[str, torch.Tensor]()

    def run(self, on_step: OnStep = lambda done, planned: None, save: Save = lambda state: None) -> None:
        """Train all stages, from the start or from where `restore` left off.

        Args:
            on_step: called after every step.
            save: called with the state about every SAVE_S seconds, and after every stage.
        """
        with one_thread():
            while len(self.finished) < len(self.stages):
                self._train(on_step, save)
                save(self.state())

    def state(self) -> dict[str, Any]:
        """All that a resumed training needs: tensors, numbers, and lists and dictionaries of these."""
        return {
            "stages": [stage.to_plain() for stage in self.stages],
            "finished": self.finished,
            "losses": self.losses,
            "seconds": self.seconds,
            "passes": self.passes,
            "step": self._step,
            "total": self._total,
            "sums": self._sums,
            "weights": self._supernet.state_dict(),
            "optimiser": self._optimiser.state(),
            "method": self.method.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.stages = [Stage.from_plain(*plain) for plain in state["stages"]]
        self.finished, self.losses = list(state["finished"]), [list(stage) for stage in state["losses"]]
        self.seconds, self.passes, self._step = state["seconds"], state["passes"], state["step"]
        self._total, self._sums = state["total"], dict(state["sums"])
        self._supernet.load_state_dict(state["weights"])
        self._optimiser.restore(state["optimiser"])
        self.method.restore(state["method"])

    def trained(self, number: int) -> Supernet:
        """The supernet of a trained stage, -1 for the last."""
        supernet = self._new_supernet(number % len(self.finished))
        supernet.load_state_dict(self.finished[number])
        return supernet

    def _train(self, on_step: OnStep, save: Save) -> None:
        """Train the current stage from the current step, and plan what follows from it."""
        number = len(self.finished)
        stage = self.stages[number]
        if self._step == 0:
            self._begin(number, stage)
        steps, saved, start = stage.epochs * self._per_epoch, time.monotonic(), clock(self._images)
        before = sum(done.epochs for done in self.stages[:number]) * self._per_epoch
        rows: NDArray[np.int64] | None = None
        while self._step < steps:
            epoch, place = divmod(self._step, self._per_epoch)
            if rows is None or place == 0:
                rows = self.method.rows(len(self._labels), self._rng(number, epoch, "images"))
            batch = self._batch(rows[place * self._recipe.batch :][: self._recipe.batch], number)
            self._take_step(stage, number, batch, steps)
            if place == self._per_epoch - 1:
                self._end_epoch(stage, epoch + 1)
            now = clock(self._images)
            self.seconds, start = self.seconds + now - start, now
            on_step(before + self._step, sum(planned.epochs for planned in self.stages) * self._per_epoch)
            if time.monotonic() - saved > SAVE_S and self._step < steps:
                save(self.state())
                saved = time.monotonic()
        self._finish(number)
        self.seconds += clock(self._images) - start

    def _begin(self, number: int, stage: Stage) -> None:
        self._supernet = self._new_supernet(number)
        if stage.start is not None:
            self._supernet.load_state_dict(self.finished[stage.start])
        self._optimiser = self._new_optimiser()
        self.method.begin(self._supernet, len(self._labels))
        self.losses.append([])
        self._total, self._sums = 0.0, {}

    def _take_step(self, stage: Stage, number: int, batch: Batch, steps: int) -> None:
        paths = self.method.paths(self._supernet, stage.part, self._rng(number, self._step, "paths"))
        self._total += self.method.learn(self._supernet, batch, paths)
        self._optimiser.step(one_cycle(self._step, steps, self._recipe.rate, self._recipe.warmup))
        self._step, self.passes = self._step + 1, self.passes + len(paths)

    def _end_epoch(self, stage: Stage, epoch: int) -> None:
        self.losses[-1].append(self._total / self._per_epoch)
        self._total = 0.0
        self.method.after_epoch(epoch / stage.epochs)
        if epoch > stage.epochs - self._averaged:
            for name, weights in self._supernet.named_parameters():
                self._sums[name] = self._sums.get(name, 0.0) + weights.detach()

    def _finish(self, number: int) -> None:
        """Keep the mean of the last weights, and plan the stages that follow."""
        averaged = min(self._averaged, self.stages[number].epochs)
        with torch.no_grad():
            for name, weights in self._supernet.named_parameters():
                weights.copy_(self._sums[name] / averaged)
        self.finished.append({name: value.clone() for name, value in self._supernet.state_dict().items()})
        draws = self._rng(number, 0, "next stages")
        self.stages += self.method.next_stages(self._supernet, self.stages, number, self._drawn, draws)
        self._step = 0

    def _new_supernet(self, number: int) -> Supernet:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(self._seed, f"stage {number} weights"))
            supernet = self.method.supernet(self._make)
        return supernet.to(self._images.device)

    def _new_optimiser(self) -> PathSGD:
        return self.method.optimiser(self._supernet.parameters(), self._recipe)

    def _batch(self, rows: NDArray[np.int64], number: int) -> Batch:
        """The images of these rows, a random half of them mirrored if the recipe says so."""
        return self._mirrored(rows, self._rng(number, self._step, "mirroring"))

    def _drawn(self, rng: np.random.Generator) -> Batch:
        return self._mirrored(rng.choice(len(self._labels), self._recipe.batch, replace=False), rng)

    def _mirrored(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Batch:
        flips = rng.integers(2, size=len(rows)) if self._recipe.flip else np.zeros(len(rows), np.int64)
        places = torch.from_numpy(rows + len(self._labels) * flips).to(self._labels.device)
        return Batch(self._images[places], self._labels[places % len(self._labels)], rows)

    def _rng(self, stage: int, number: int, purpose: str) -> np.random.Generator:
        return np.random.default_rng(seed_of(self._seed, f"stage {stage} {purpose} {number}"))
