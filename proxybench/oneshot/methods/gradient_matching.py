"""Few-shot NAS by gradient matching: options that move the shared weights the same way stay together.

Hu et al., "Generalizing Few-Shot NAS with Gradient Matching", ICLR 2022: one choice is split into two groups of
options, then one choice in each of the two parts, and the four parts are trained from new weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from proxybench.errors import ProxybenchError
from proxybench.oneshot.method import Batch, DrawBatch, Method
from proxybench.oneshot.stage import Stage
from proxybench.oneshot.supernet import Part, Path, Supernet, restricted

Floats = NDArray[np.float64]
MOST = 12  # options of a choice, of which all splits in two are compared
SPLIT = 3  # the common training and the two parts of the first split are split, the four parts are not


@dataclass
class GradientMatching(Method):
    """Few-shot NAS with two levels of splits in two, chosen by the gradients of the weights that the options share.

    Args:
        warm_up: fraction of the epochs for the common training, and for each part before its split; the four last parts
            share the rest equally.
        repeats: batches on which the gradients of the options of each choice are compared; 100 in the paper.
        by_gradients: false for the control, which splits arbitrary choices into arbitrary groups of the same sizes.
    """

    warm_up: float = 0.1
    repeats: int = 20
    by_gradients: bool = True

    def stages(self, supernet: Supernet, epochs: int) -> list[Stage]:
        if not 0 < self.warm_up < 1 / SPLIT or self.repeats < 1:
            raise ProxybenchError(
                f"warm_up must be between 0 and 1/3, and repeats at least 1, not {self.warm_up} and {self.repeats}"
            )
        if max(supernet.options) > MOST:
            raise ProxybenchError(
                f"gm compares all splits of at most {MOST} options, and a choice of this space has "
                f"{max(supernet.options)}; choose another method"
            )
        self._common = round(epochs * self.warm_up)
        self._each = (epochs - SPLIT * self._common) // 4
        if self._common < 1 or self._each < 1:
            raise ProxybenchError(
                f"{epochs} epochs are too few for three trainings before a split and four parts; choose more epochs"
            )
        return [Stage(supernet.whole(), self._common)]

    def next_stages(
        self, supernet: Supernet, stages: Sequence[Stage], number: int, draw: DrawBatch, rng: np.random.Generator
    ) -> list[Stage]:
        if number >= SPLIT:
            return []
        part = stages[number].part
        open_choices = [choice for choice, allowed in enumerate(part) if len(allowed) == supernet.options[choice] > 1]
        if self.by_gradients:
            choice, groups = best_split(
                {choice: self._distances(supernet, part, choice, draw, rng) for choice in open_choices}
            )
        else:
            choice = int(rng.choice(open_choices))
            halves = list(_halves(len(part[choice])))
            groups = halves[int(rng.integers(len(halves)))]
        parts = [restricted(part, choice, [part[choice][place] for place in group]) for group in groups]
        if number == 0:
            return [Stage(half, self._common, start=0) for half in parts]
        return [Stage(half, self._each) for half in parts]

    def _distances(
        self, supernet: Supernet, part: Part, choice: int, draw: DrawBatch, rng: np.random.Generator
    ) -> Floats:
        """Mean distance between the gradients of each pair of options of a choice, [options, options]."""
        found = np.zeros((len(part[choice]),) * 2)
        for _ in range(self.repeats):
            batch, path = draw(rng), supernet.draw(part, rng)
            own = {id(weights) for option in part[choice] for place in supernet.parameters_of(choice, option)
                   for weights in place}  # fmt: skip
            gradients = [
                _gradients(supernet, (*path[:choice], option, *path[choice + 1 :]), batch, own)
                for option in part[choice]
            ]
            for one, two in combinations(range(len(gradients)), 2):
                found[one, two] += _distance(gradients[one], gradients[two]) / self.repeats
        return found + found.T


def best_split(distances: dict[int, Floats]) -> tuple[int, tuple[tuple[int, ...], tuple[int, ...]]]:
    """The choice and its two groups of options for which the distance between the groups is largest.

    A choice's groups are those with the smallest distance within them; the smaller one has half of the options, rounded
    down.

    Args:
        distances: for each choice, the symmetric distances of its options, [options, options].
    """
    best = {}
    for choice, table in distances.items():
        within, groups = min((_within(table, groups), groups) for groups in _halves(len(table)))
        best[choice] = (float(np.triu(table).sum()) - within, groups)
    choice = max(best, key=lambda name: best[name][0])
    return choice, best[choice][1]


def _halves(options: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    for first in combinations(range(options), options // 2):
        yield first, tuple(option for option in range(options) if option not in first)


def _within(table: Floats, groups: Sequence[Sequence[int]]) -> float:
    return float(sum(table[one, two] for group in groups for one, two in combinations(group, 2)))


def _gradients(supernet: Supernet, path: Path, batch: Batch, own: set[int]) -> dict[int, Tensor]:
    """The gradient of each matrix and kernel that a path uses, without those of `own`, by position."""
    supernet.zero_grad(set_to_none=True)
    supernet.select(path)
    torch.autograd.backward(cross_entropy(supernet(batch.images), batch.labels))
    return {
        place: weights.grad
        for place, weights in enumerate(supernet.parameters())
        if weights.grad is not None and weights.dim() > 1 and id(weights) not in own
    }


def _distance(one: dict[int, Tensor], two: dict[int, Tensor]) -> float:
    """Sum over filters of 1 - cosine of two gradients, over the filters that at least one of them moves."""
    total = 0.0
    for place in one.keys() & two.keys():
        first, second = one[place].flatten(1), two[place].flatten(1)
        moved = (first.abs().sum(1) + second.abs().sum(1)) > 0
        total += float((1 - torch.cosine_similarity(first, second, dim=1))[moved].sum())
    return total
