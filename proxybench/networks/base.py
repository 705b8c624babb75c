"""What every network built from an architecture offers beside `forward`."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """A convolutional classifier: `features`, global average pooling, `classifier`.

    Attributes:
        operations: dotted names of submodules in forward order that together hold all weight layers: stem, then for
            each cell each node's operation (also those without weights), reductions, classifier. For one macro
            structure the same place means the same node in every architecture of the space.
        blocks: dotted names of the successive building blocks (stem, cells) with outputs [n, c, h, w].
    """

    operations: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    classifier: nn.Module

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """The last feature map, [n, c, h, w], of images [n, channels, height, width]."""

    def forward(self, images: Tensor) -> Tensor:
        """Logits [n, num_classes] of images [n, channels, height, width]."""
        pooled = torch.flatten(nn.functional.adaptive_avg_pool2d(self.features(images), 1), 1)
        logits: Tensor = self.classifier(pooled)
        return logits
