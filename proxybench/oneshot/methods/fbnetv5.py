"""FBNetV5: one training of a supernet chooses an architecture for each of several tasks.

Wu et al., "FBNetV5: Neural Architecture Search for Multiple Tasks in One Run", 2021. Its publication describes the
mechanism; the distribution that samples are drawn from, the baseline and the rate are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from proxybench.errors import ProxybenchError
from proxybench.oneshot.image_tasks import TASKS, TaskSupernet, task_batch
from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import ChoiceSupernet, Part, Path, Supernet
from proxybench.oneshot.task_distributions import TaskDistributions
from proxybench.spaces import get_space

MOST = 100_000  # architectures of a space, whose probabilities are all computed


@dataclass
class FBNetV5(Method):
    """FBNetV5: paths drawn from the mean of one distribution for each task, which all learn from the same paths.

    The tasks are made from the images: classification, which quarter turn an image was rotated by, and which of its
    quarters was moved to the top left. A step trains a path on all tasks. After the warm-up, the path's loss on images
    that train no weights is its negative reward, and importance-weighted REINFORCE moves the distribution of every
    task. Estimates and the derived architecture are those of the classification; the others are among the findings.

    Args:
        rate: of a step of the distributions.
        every: paths between two of these steps.
        held_out: share of the training images that train no weights.
        warm_up: share of the epochs in which paths are drawn uniformly.
    """

    rate: float = 1.0
    every: int = 8
    held_out: float = 0.25
    warm_up: float = 0.25

    def supernet(self, make: Callable[[], Supernet]) -> Supernet:
        shared = make()
        if not isinstance(shared, ChoiceSupernet) or prod(shared.options) > MOST:
            raise ProxybenchError(
                f"fbnetv5 needs a space of at most {MOST} architectures with options that are modules of their own, "
                "such as nasbench201 or mbconv-micro"
            )
        return TaskSupernet(shared)

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        if not (self.rate > 0 and self.every > 1 and 0 < self.held_out < 1 and 0 <= self.warm_up < 1):
            raise ProxybenchError(
                "rate must be above 0, every at least 2, held_out a share between 0 and 1 and warm_up one below 1"
            )
        return super().stages(supernet, epochs)

    def begin(self, supernet: Supernet, images: int) -> None:
        self._options = supernet.options
        self._held_out, self._steps, self._searching = int(images * self.held_out), 0, self.warm_up == 0
        self._samples: list[list[float]] = []  # architecture, probability, and the reward of each task
        self._prepare()

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        return [self._all[int(rng.choice(len(self._all), p=self._chances))]]

    def learn(self, supernet: Supernet, batch: Batch, paths: Sequence[Path]) -> float:
        supernet.select(paths[0])
        training = batch.rows >= self._held_out
        loss = torch.stack(self._losses(supernet, batch, training)).sum()
        torch.autograd.backward(loss)
        if self._searching and (~training).sum() > 1:
            with torch.no_grad():
                rewards = [-float(value) for value in self._losses(supernet, batch, ~training)]
            number = self._numbers[paths[0]]
            self._samples.append([number, float(self._chances[number]), *rewards])
            if len(self._samples) == self.every:
                self._update()
        self._steps += 1
        return float(loss.detach()) / len(TASKS)

    def after_epoch(self, done: float) -> None:
        self._searching = done >= self.warm_up

    def derived(self, supernet: Supernet) -> Path:
        return self._all[int(self._distributions.chances()[0].argmax())]

    def findings(self, supernet: Supernet) -> dict[str, float | str]:
        best = self._distributions.chances().argmax(axis=1)
        archs = [supernet.arch(self._all[number]) for number in best.tolist()]
        texts = [get_space(arch.space).format(arch) for arch in archs]
        return {f"architecture_for_{task}": text for task, text in zip(TASKS, texts, strict=True)}

    def state(self) -> dict[str, Any]:
        if not hasattr(self, "_options"):
            return {}
        plain = {name: getattr(self, name) for name in _STATE}
        return {"logits": torch.from_numpy(self._distributions.logits.copy()), **plain}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state:
            for name in _STATE:
                setattr(self, name, state[name])
            self._prepare()
            self._distributions.logits = state["logits"].cpu().numpy().copy()
            self._chances = self._distributions.shared()

    def _prepare(self) -> None:
        self._all = list(product(*map(range, self._options)))
        self._numbers = {path: number for number, path in enumerate(self._all)}
        self._distributions = TaskDistributions(np.array(self._all), len(TASKS))
        self._chances = self._distributions.shared()

    def _losses(
        self, supernet: Supernet, batch: Batch, chosen: np.ndarray[Any, np.dtype[np.bool_]]
    ) -> list[torch.Tensor]:
        """The mean cross-entropy of each task on the chosen images."""
        rows = torch.from_numpy(chosen).to(batch.labels.device)
        part = Batch(batch.images[rows], batch.labels[rows], batch.rows[chosen])
        made = [task_batch(task, part, self._steps) for task in TASKS]
        return [cross_entropy(supernet(one.images, task), one.labels) for task, one in zip(TASKS, made, strict=True)]

    def _update(self) -> None:
        table = np.array(self._samples)
        self._distributions.learn(table[:, 0].astype(np.int64), table[:, 1], table[:, 2:], self.rate)
        self._chances, self._samples = self._distributions.shared(), []


_STATE = ("_options", "_held_out", "_steps", "_searching", "_samples")
