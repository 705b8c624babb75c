"""Where the numbers of feature maps lie in memory: small layers on a processor mostly wait for it."""

from __future__ import annotations

from enum import Enum

from torch import Tensor


class Layout(Enum):
    """The order in memory of the dimensions of feature maps [n, channels, h, w], slowest first.

    CHANNELS_LAST is what torch's convolutions between channels are fastest with. In IMAGES_LAST all numbers of a
    channel are side by side, so that depthwise and 1x1 convolutions are products of matrices.
    """

    CHANNELS_LAST = (0, 2, 3, 1)
    IMAGES_LAST = (1, 2, 3, 0)

    def physical(self, maps: Tensor) -> Tensor:
        """Maps [n, channels, h, w] with their dimensions in the order of memory; a copy unless they lie so."""
        return maps.permute(self.value).contiguous()

    def logical(self, physical: Tensor) -> Tensor:
        """The maps [n, channels, h, w] of what `physical` gave; never a copy."""
        return physical.permute([self.value.index(dim) for dim in range(4)])
