"""Where the numbers of feature maps lie in memory: small layers on a processor mostly wait for it."""

from __future__ import annotations

from enum import Enum

from torch import Tensor


class Layout(Enum):
    """The order in memory of the dimensions of feature maps [n, channels, h, w], slowest first.

    CHANNELS_LAST is what torch's convolutions between many channels are fastest with. In IMAGES_LAST all numbers of a
    channel are side by side, so that 1x1 convolutions are products of matrices, and whatever works on each pixel or
    each channel alone has rows of numbers to work on.

    Attributes:
        order: the dimensions of maps, in the order of memory.
        back: the dimensions of what lies in the order of memory, in that of maps.
    """

    CHANNELS_LAST = (0, 2, 3, 1)
    IMAGES_LAST = (1, 2, 3, 0)

    def __init__(self, *order: int) -> None:
        self.order = order
        self.back = tuple(order.index(dim) for dim in range(4))

    def physical(self, maps: Tensor) -> Tensor:
        """Maps [n, channels, h, w] with their dimensions in the order of memory; a copy unless they lie so."""
        return maps.permute(self.order).contiguous()

    def logical(self, physical: Tensor) -> Tensor:
        """The maps [n, channels, h, w] of what `physical` gave; never a copy."""
        return physical.permute(self.back)
