"""The interface, in addition to `forward`, of every network built from an architecture."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """A convolutional classifier: `features`, global average pooling, `classifier`.

    Attributes:
        operations: dotted names of submodules, in forward order, that together contain all weight layers: stem, then
            each node's operation for each cell (including those without weights), reductions, classifier. For a given
            macro structure the same position means the same node in every architecture of the space.
        blocks: dotted names of the successive building blocks (stem, cells) with outputs [n, c, h, w].
    """

    operations: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    classifier: nn.Module

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """The last feature map, [n, c, h, w], for images [n, channels, height, width]."""

    def forward(self, images: Tensor) -> Tensor:
        """Logits [n, num_classes] for images [n, channels, height, width]."""
        pooled = torch.flatten(nn.functional.adaptive_avg_pool2d(self.features(images), 1), 1)
        logits: Tensor = self.classifier(pooled)
        return logits
