"""ShiftNAS: paths are drawn by their FLOPs, more often from the range in which the loss still changes.

Zhang et al., "ShiftNAS: Improving One-shot NAS via Probability Shift", ICCV 2023: uniform draws of options train paths
of medium complexity most. The authors have published no code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from proxybench.errors import ProxybenchError
from proxybench.networks.counts import count_flops
from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.path_generator import PathGenerator, spread
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import Part, Path, Supernet

Floats = NDArray[np.float64]
DECAY = 0.5  # of the running mean of the changes of the loss


@dataclass
class ShiftNAS(Method):
    """ShiftNAS: each step draws a bin of FLOPs and a number of FLOPs in it, and trains a path of about this number.

    As published: the range of FLOPs is cut into bins; a generator, an LSTM of 64 units, returns paths of about a given
    number of FLOPs; all bins are equally frequent at first, then their chances are updated every 100 steps by finite
    differences of the loss, so that a bin in which the loss still changes is drawn more often.

    Stand-ins: the generator learns by likelihood, before the training, from drawn paths whose FLOPs are counted, not
    from the loss of the task through masks of widths. The chances of the bins are in proportion to a running mean of
    the changes of the loss, mixed with equal ones; the authors train them with a Gumbel softmax and Adam. The loss is
    measured on a batch of training images, since the validation images serve the estimates.

    Args:
        bins: number of bins.
        warm_up: fraction of the epochs in which all bins are equally frequent.
        every: steps between two updates of the chances.
        floor: share of equal chances in those of the bins.
        pool: number of paths from which the generator learns.
        updates: of the weights of the generator, before the training.
    """

    bins: int = 8
    warm_up: float = 0.2
    every: int = 100
    floor: float = 0.2
    pool: int = 512
    updates: int = 400

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        if not supernet.elastic:
            raise ProxybenchError("shiftnas needs a space of sizes, such as natsbench-size; choose another method")
        if min(self.bins, self.every, self.pool) < 1 or not (0 <= self.warm_up <= 1 and 0 <= self.floor <= 1):
            raise ProxybenchError(
                "bins, every and pool must be at least 1, and warm_up and floor from 0 to 1, not "
                f"{self.bins}, {self.every}, {self.pool}, {self.warm_up} and {self.floor}"
            )
        return super().stages(supernet, epochs)

    def begin(self, supernet: Supernet, images: int) -> None:
        self._chances: Floats = np.full(self.bins, 1 / self.bins)
        self._changes: Floats = np.zeros(self.bins)
        self._probes: list[Path] = []
        self._before: Floats = np.zeros(0)
        self._batch: tuple[torch.Tensor, ...] = ()
        self._generator: PathGenerator | None = None
        self._steps, self._done = 0, 0.0

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        self._steps += 1
        if not self._batch:  # the first step, which shows the shape of the images
            return super().paths(supernet, part, rng)
        if self._generator is None:
            drawn = spread(supernet.options, self.pool, rng)
            flops = [_flops(supernet, path, self._batch[0]) for path in drawn]
            self._generator = PathGenerator.fitted(supernet.options, drawn, flops, self.updates, rng)
        if self._done >= self.warm_up and self._steps % self.every == 0:
            self._shift(supernet, rng)
        return [self._in_bin(self._generator, int(rng.choice(self.bins, p=self._chances)), rng)]

    def learn(self, supernet: Supernet, batch: Batch, paths: Sequence[Path]) -> float:
        if not self._batch:
            self._batch = batch.images, batch.labels
        return super().learn(supernet, batch, paths)

    def after_epoch(self, done: float) -> None:
        self._done = done

    def state(self) -> dict[str, Any]:
        if not hasattr(self, "_steps"):
            return {}
        generator = None if self._generator is None else self._generator.plain()
        arrays = {name: torch.from_numpy(getattr(self, name).copy()) for name in _ARRAYS}
        numbers = {"steps": self._steps, "done": self._done, "probes": self._probes, "batch": list(self._batch)}
        return {**arrays, **numbers, "generator": generator}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state:
            for name in _ARRAYS:
                setattr(self, name, state[name].cpu().numpy().copy())
            self._steps, self._done, self._batch = state["steps"], state["done"], tuple(state["batch"])
            self._probes = [tuple(path) for path in state["probes"]]
            plain = state["generator"]
            self._generator = None if plain is None else PathGenerator.from_plain(plain)

    def _in_bin(self, generator: PathGenerator, number: int, rng: np.random.Generator) -> Path:
        return generator.draw((number + rng.random()) / self.bins, rng)

    def _shift(self, supernet: Supernet, rng: np.random.Generator) -> None:
        """Update the chances by the changes of the loss of the last probes, one path of each bin, and draw new ones."""
        assert self._generator is not None
        if self._probes:
            changes = np.abs(self._losses(supernet) - self._before)
            self._changes = DECAY * self._changes + (1 - DECAY) * changes if self._changes.any() else changes
            self._chances = shifted(self._changes, self.floor)
        self._probes = [self._in_bin(self._generator, number, rng) for number in range(self.bins)]
        self._before = self._losses(supernet)

    def _losses(self, supernet: Supernet) -> Floats:
        images, labels = self._batch
        found = []
        with torch.no_grad():
            for path in self._probes:
                supernet.select(path)
                found.append(float(cross_entropy(supernet(images), labels)))
        return np.array(found)


_ARRAYS = ("_chances", "_changes", "_before")


def shifted(changes: Floats, floor: float) -> Floats:
    """Chances in proportion to changes of the loss, with a share of equal ones; all equal if no loss changed."""
    equal: Floats = np.full(len(changes), 1 / len(changes))
    total = changes.sum()
    return (1 - floor) * changes / total + floor * equal if np.isfinite(total) and total > 0 else equal


def _flops(supernet: Supernet, path: Path, images: torch.Tensor) -> int:
    supernet.select(path)
    return count_flops(supernet, tuple(images.shape[1:])).total
