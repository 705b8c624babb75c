"""A training in stages: a stage trains one supernet on a part of the space, from new weights or those of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

    def to_plain(self) -> tuple[Any, ...]:
        """The stage as numbers and lists of numbers; a choice whose options are a range from 0 is their number."""
        part = [len(allowed) if isinstance(allowed, range) else list(allowed) for allowed in self.part]
        return part, self.epochs, self.start

    @classmethod
    def from_plain(cls, part: Sequence[Any], epochs: int, start: int | None) -> Stage:
        """What `to_plain` gave."""
        return cls(
            tuple(range(allowed) if isinstance(allowed, int) else tuple(allowed) for allowed in part), epochs, start
        )


def stage_of(stages: Sequence[Stage], path: Path) -> int:
    """The number of the last stage that trains a path: its supernet says how good the path is.

    Raises:
        ValueError: if no stage does.
    """
    for number in reversed(range(len(stages))):
        if contains(stages[number].part, path):
            return number
    raise ValueError(f"no stage of the training contains the path {path}")
