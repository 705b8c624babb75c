"""BigNAS: the widest path learns from the labels, others from the widest.

Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models", ECCV 2020: the sandwich rule
and in-place distillation. The weights serve as they are, without a training of their own. Wang et al., "AlphaNet:
Improved Training of Supernets with Alpha-Divergence", ICML 2021: another divergence from the widest path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from proxybench.errors import ProxybenchError
from proxybench.oneshot.method import Batch, Method
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import Part, Path, Supernet

CLIP = 5.0  # largest weight of a class in an alpha-divergence
TINY = 1e-30  # smallest chance


@dataclass
class BigNAS(Method):
    """BigNAS: each step trains the widest path, the narrowest and some drawn ones, and adds their gradients.

    Args:
        drawn: number of drawn paths.
        smoothing: label smoothing of the widest path's loss.
        alpha: whether the other paths minimise AlphaNet's adaptive alpha-divergence from the widest, instead of the
            Kullback-Leibler divergence.
    """

    drawn: int = 2
    smoothing: float = 0.1
    alpha: bool = False

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        if not supernet.elastic:
            raise ProxybenchError(
                "in-place distillation needs a space of sizes, such as natsbench-size or vit-micro; choose another one"
            )
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
                loss = adaptive_divergence(logits, taught) if self.alpha else cross_entropy(logits, taught)
            torch.autograd.backward(loss)
            self.after_path(supernet, path, batch, logits.detach())
            total += loss.item()
        return total / len(paths)


def adaptive_divergence(logits: Tensor, taught: Tensor) -> Tensor:
    """For each image the larger of two alpha-divergences of the student q from the teacher p, of the orders -1 and 1.

    D(p || q) = (sum over classes of q (p / q)^alpha - 1) / (alpha (alpha - 1)); for order 1 this is the
    Kullback-Leibler divergence. Its gradient is that of -(1 / alpha) sum of q (p / q)^alpha log q in which the weights
    q (p / q)^alpha are constants; (p / q)^alpha is at most CLIP there, and in the divergence of order -1 (AlphaNet,
    sections 3.2 and 3.3).

    Args:
        logits: of the student, [n, classes].
        taught: chances of the teacher, [n, classes].

    Returns:
        The mean over the images, with this gradient.
    """
    logs = torch.log_softmax(logits, 1)
    chances = logs.detach().exp()
    ratios = taught.clamp_min(TINY) / chances.clamp_min(TINY)
    confident = chances * ratios.reciprocal().clamp(max=CLIP)  # large where only the student is sure
    doubtful = chances * ratios.clamp(max=CLIP)  # large where only the teacher is sure
    divergences = (confident.sum(1) - 1) / 2, (taught * ratios.log()).sum(1)
    losses = (confident * logs).sum(1), -(doubtful * logs).sum(1)
    loss = torch.where(divergences[0] > divergences[1], *losses)
    return (torch.maximum(*divergences) + loss - loss.detach()).mean()
