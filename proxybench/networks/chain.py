"""A network whose feature map is computed by a chain of named parts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from math import inf

from torch import Tensor, nn

from proxybench.networks.base import Network


class ChainNetwork(Network):
    """`body`, a sequence of named parts, then pooling and a linear classifier.

    Args:
        parts: name to module, in forward order; [n, c, h, w] -> [n, c', h', w'] each.
        channels: output channels of the last part.
        num_classes: length of the logits.
        operations: names within `parts`, in forward order, that contain all its weight layers ("cell0.vertices.1").
        blocks: names within `parts` of the building blocks.
    """

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        channels: int,
        num_classes: int,
        *,
        operations: Iterable[str],
        blocks: Iterable[str],
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(OrderedDict(parts))
        self.classifier = nn.Linear(channels, num_classes)
        self.operations = (*(f"body.{name}" for name in operations), "classifier")
        self.blocks = tuple(f"body.{name}" for name in blocks)

    def features(self, images: Tensor) -> Tensor:
        maps: Tensor = self.body(images)
        return maps


def require_factors(**factors: float) -> None:
    """Raise ValueError unless all factors are finite and above 0."""
    for name, factor in factors.items():
        if not 0 < factor < inf:
            raise ValueError(f"{name} must be a finite factor above 0, not {factor!r}")
