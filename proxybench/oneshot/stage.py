"""A training in stages: a stage trains one supernet on a part of the space, from new weights or those of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from proxybench.oneshot.supernet import Part, Path, contains

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Stage:
    """What one supernet is trained on.

    Attributes:
        part: the paths that are trained.
        epochs: passes over the training images.
        start: number of the stage whose weights it starts from; None for new ones.
    """

    part: Part
    epochs: int
    start: int | None = None


def stage_of(stages: Sequence[Stage], path: Path) -> int:
    """The number of the last stage that trains a path: its supernet says how good the path is.

    Raises:
        ValueError: if no stage does.
    """
    for number in reversed(range(len(stages))):
        if contains(stages[number].part, path):
            return number
    raise ValueError(f"no stage of the training contains the path {path}")
