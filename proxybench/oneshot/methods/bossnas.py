"""BossNAS: blocks of a supernet learn without labels, each path from the ensemble of all.

Li et al., "BossNAS: Exploring Hybrid CNN-transformers with Block-wisely Self-supervised Neural Architecture Search",
ICCV 2021. A block is small enough that all its paths are evaluated; an architecture is a sum over its blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from proxybench.errors import ProxybenchError
from proxybench.oneshot.bootstrap import Bootstrapped, block_losses, path_loss
from proxybench.oneshot.method import CLIP, Batch, DrawBatch, Method
from proxybench.oneshot.methods.fairnas import FairNAS
from proxybench.oneshot.optimiser import LARS, PathSGD
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import BlockSupernet, Part, Path, Supernet
from proxybench.oneshot.views import torch_generator, two_views
from proxybench.training.recipe import Recipe
from proxybench.training.train import Part as Images

WEIGHT_DECAY = 1e-6


@dataclass
class BossNAS(Method):
    """BossNAS: one block after another is trained on the best paths of the blocks before it, which stand still.

    A step trains a few paths, in which every option of a choice has its turn equally often, to predict from one view of
    an image the mean of their target projections of another view. The optimiser is LARS, at the rate of the recipe.
    The loss of an architecture is the sum over its blocks, each of whose paths is measured once; it has no accuracy.

    Args:
        sampled: paths of a step.
        momentum: of the target at first; it rises to 1.
        units: width of the hidden layers of projections and predictions; 4,096 in the paper.
        compared: images on which all paths of a block are compared.
    """

    classifies: ClassVar[bool] = False
    sampled: int = 4
    momentum: float = 0.99
    units: int = 128
    compared: int = 1000

    def supernet(self, make: Callable[[], Supernet]) -> Supernet:
        if self.sampled < 1 or min(self.units, self.compared) < 2 or not 0 <= self.momentum <= 1:
            raise ProxybenchError("sampled must be at least 1, units and compared at least 2, momentum from 0 to 1")
        inner = make()
        if not isinstance(inner, BlockSupernet):
            raise ProxybenchError("bossnas needs a supernet in blocks, as natsbench-size has; choose another method")
        return Bootstrapped(inner, self.units)

    def optimiser(self, weights: Iterable[nn.Parameter], recipe: Recipe) -> PathSGD:
        return LARS(weights, momentum=recipe.momentum, weight_decay=WEIGHT_DECAY, clip=CLIP)

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        blocks = _bootstrapped(supernet).blocks
        self._each = epochs // len(blocks)
        if self._each < 1:
            raise ProxybenchError(f"{epochs} epochs are too few for {len(blocks)} blocks; choose more epochs")
        self._best: Path = ()  # the options of the finished blocks
        self._losses: list[dict[Path, float]] = []
        self.begin(supernet, 0)
        return [self._stage(supernet, None)]

    def next_stages(
        self, supernet: Supernet, stages: Sequence[Stage], number: int, draw: DrawBatch, rng: np.random.Generator
    ) -> list[Stage]:
        network = _bootstrapped(supernet)
        if number + 1 == len(network.blocks):
            return []
        images = draw(rng).images
        while len(images) < self.compared:
            images = torch.cat([images, draw(rng).images])
        losses = block_losses(network, number, self._best, images, torch_generator(rng))
        self._best = (*self._best, *min(losses, key=losses.__getitem__))
        return [self._stage(supernet, number)]

    def begin(self, supernet: Supernet, images: int) -> None:
        self._queue: list[Path] = []
        self._done = 0.0

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        self._views = torch_generator(rng)
        while len(self._queue) < self.sampled:
            self._queue += FairNAS().paths(supernet, part, rng)
        drawn, self._queue = self._queue[: self.sampled], self._queue[self.sampled :]
        return drawn

    def learn(self, supernet: Supernet, batch: Batch, paths: Sequence[Path]) -> float:
        network, block = _bootstrapped(supernet), self._block(supernet)
        network.follow(1 - (1 - self.momentum) * (math.cos(math.pi * self._done) + 1) / 2)
        maps = network.below(block, two_views(batch.images, self._views), paths[0])
        aims = network.ensemble(block, maps, paths)
        total = 0.0
        for path in paths:
            loss = path_loss(network, block, path, maps, aims) / len(paths)
            torch.autograd.backward(loss)
            total += loss.item()
        return total

    def after_epoch(self, done: float) -> None:
        self._done = done

    def stage(self, stages: Sequence[Stage], path: Path) -> int:
        return len(stages) - 1

    def estimate(
        self, supernet: Supernet, path: Path, calibration: Tensor | None, validation: Images
    ) -> tuple[float, float]:
        network = _bootstrapped(supernet)
        if not self._losses:
            views, images = torch.Generator().manual_seed(0), validation.images[: self.compared]
            self._losses = [
                block_losses(network, number, self._best[: choices[0]], images, views)
                for number, choices in enumerate(network.blocks)
            ]
        parts = (tuple(path[choice] for choice in choices) for choices in network.blocks)
        return math.nan, sum(losses[part] for losses, part in zip(self._losses, parts, strict=True))

    def state(self) -> dict[str, Any]:
        return {"queue": self._queue, "done": self._done, "best": self._best}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._best, self._done, self._losses = tuple(state["best"]), state["done"], []
        self._queue = [tuple(path) for path in state["queue"]]

    def _block(self, supernet: Supernet) -> int:
        """The number of the block to train."""
        return sum(choices[-1] < len(self._best) for choices in _bootstrapped(supernet).blocks)

    def _stage(self, supernet: Supernet, start: int | None) -> Stage:
        """The training of the next block: the options of the blocks before it are fixed, those after it unused."""
        free = _bootstrapped(supernet).blocks[self._block(supernet)]
        part = [
            range(options) if choice in free else (self._best[choice] if choice < free[0] else 0,)
            for choice, options in enumerate(supernet.options)
        ]
        return Stage(tuple(part), self._each, start)


def _bootstrapped(supernet: Supernet) -> Bootstrapped:
    assert isinstance(supernet, Bootstrapped)
    return supernet
