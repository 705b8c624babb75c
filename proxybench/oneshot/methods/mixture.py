"""Balanced Mixture of SuperNets: several supernets, each of which specialises on some architectures.

Javan, Toews and Pedersoli, "Balanced Mixture of SuperNets for Learning the CNN Pooling Architecture", AutoML 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from predictors.arch import ArchGraph
from proxybench.errors import ProxybenchError
from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import Part, Path, Supernet

Floats = NDArray[np.float64]
MOST = 10_000  # architectures of a space for which the routing is kept
HOTTEST = 100.0  # inverse temperature at the end
BALANCED, ROUNDS = 1e-4, 1000  # divergence from equal shares at which balancing ends, and its most rounds


@dataclass
class Mixture(Method):
    """Balanced mixture: architectures are routed to supernets by their accuracies there, all of which are kept busy.

    The accuracy is that on the batch of a step, before the update. The paper takes half of the training images for it.

    Args:
        models: number of supernets.
        decay: of the moving average of an architecture's accuracy in a supernet.
    """

    models: int = 4
    decay: float = 0.9

    def supernet(self, make: Callable[[], Supernet]) -> Supernet:
        if self.models < 1 or not 0 <= self.decay < 1:
            raise ProxybenchError(f"models must be at least 1 and decay below 1, not {self.models} and {self.decay}")
        return Copies([make() for _ in range(self.models)])

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        size = prod(supernet.options)
        if size > MOST:
            raise ProxybenchError(f"mixture keeps a row for each architecture, at most {MOST}; the space has {size}")
        return super().stages(supernet, epochs)

    def begin(self, supernet: Supernet, images: int) -> None:
        self._rows = {path: row for row, path in enumerate(product(*map(range, supernet.options)))}
        self._scores: Floats = np.ones((len(self._rows), self.models))
        self._heat = 1.0
        self._chances = balanced(self._scores, self._heat)

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        path = supernet.draw(part, rng)
        return [(*path, int(rng.choice(self.models, p=self._chances[self._rows[path]])))]

    def after_path(self, supernet: Supernet, path: Path, batch: Batch, logits: Tensor) -> None:
        accuracy = float((logits.argmax(1) == batch.labels).double().mean())
        place = self._rows[path[:-1]], path[-1]
        self._scores[place] = self.decay * self._scores[place] + (1 - self.decay) * accuracy

    def after_epoch(self, done: float) -> None:
        self._heat = 1 + (HOTTEST - 1) * done
        self._chances = balanced(self._scores, self._heat)

    def route(self, path: Path) -> Path:
        return (*path, int(self._chances[self._rows[path]].argmax()))

    def state(self) -> dict[str, Any]:
        if not hasattr(self, "_rows"):
            return {}
        tables = {"scores": self._scores, "chances": self._chances}
        copies = {name: torch.from_numpy(table.copy()) for name, table in tables.items()}
        return copies | {"rows": list(self._rows), "heat": self._heat}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state:
            self._rows = {tuple(path): row for row, path in enumerate(state["rows"])}
            self._scores, self._chances = (state[name].cpu().numpy().copy() for name in ("scores", "chances"))
            self._heat = state["heat"]


def balanced(scores: Floats, heat: float) -> Floats:
    """Chances of each supernet for each architecture, [architectures, models], with which all are equally busy.

    A softmax of heat * scores, whose columns and rows are scaled in turn until the mean over the architectures differs
    from equal chances by a Kullback-Leibler divergence of at most BALANCED.
    """
    chances: Floats = np.exp(heat * (scores - scores.max(axis=1, keepdims=True)))
    chances /= chances.sum(axis=1, keepdims=True)
    for _ in range(ROUNDS):
        share = chances.mean(axis=0)
        if float((share * np.log(np.maximum(share, 1e-300) * len(share))).sum()) <= BALANCED:
            break
        chances = chances / np.maximum(share, 1e-300)
        chances /= chances.sum(axis=1, keepdims=True)
    return chances


class Copies(Supernet):
    """Several supernets of a space; the last number of a path says which of them runs."""

    def __init__(self, copies: Sequence[Supernet]) -> None:
        super().__init__()
        self.copies = nn.ModuleList(copies)
        self.options, self._active = copies[0].options, 0

    def path(self, arch: ArchGraph) -> Path:
        return self._copy(0).path(arch)

    def select(self, path: Path) -> None:
        self._active = path[-1]
        self._copy(self._active).select(path[:-1])

    def draw(self, part: Part, rng: np.random.Generator) -> Path:
        return self._copy(0).draw(part, rng)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.copies[self._active](images)
        return logits

    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        return [place for copy in range(len(self.copies)) for place in self._copy(copy).parameters_of(choice, option)]

    def _copy(self, number: int) -> Supernet:
        copy = self.copies[number]
        assert isinstance(copy, Supernet)
        return copy
