"""BigNAS: the widest path learns from the labels, others from the widest.

Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models", ECCV 2020: the sandwich rule
and in-place distillation. The weights serve as they are, without a training of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from proxybench.errors import ProxybenchError
from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import Part, Path, Supernet


@dataclass
class BigNAS(Method):
    """BigNAS: each step trains the widest path, the narrowest and some drawn ones, and adds their gradients.

    Args:
        drawn: number of drawn paths.
        smoothing: label smoothing of the widest path's loss.
    """

    drawn: int = 2
    smoothing: float = 0.1

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        if not supernet.elastic:
            raise ProxybenchError("the method needs a space of widths, such as natsbench-size; choose another")
        if self.drawn < 0 or not 0 <= self.smoothing < 1:
            raise ProxybenchError(
                f"drawn must be at least 0 and smoothing from 0 to below 1, not {self.drawn} and {self.smoothing}"
            )
        return super().stages(supernet, epochs)

    def paths(self, supernet: Supernet, part: Part, rng: np.random.Generator) -> list[Path]:
        ends = [tuple(allowed[end] for allowed in part) for end in (-1, 0)]
        return [*ends, *(supernet.draw(part, rng) for _ in range(self.drawn))]

    def learn(self, supernet: Supernet, batch: Batch, paths: Sequence[Path]) -> float:
        total, taught = 0.0, torch.empty(0)
        for number, path in enumerate(paths):
            supernet.select(path)
            logits = supernet(batch.images)
            if number == 0:
                loss = cross_entropy(logits, batch.labels, label_smoothing=self.smoothing)
                taught = torch.softmax(logits.detach(), 1)
            else:
                loss = cross_entropy(logits, taught)
            torch.autograd.backward(loss)
            self.after_path(supernet, path, batch, logits.detach())
            total += loss.item()
        return total / len(paths)
