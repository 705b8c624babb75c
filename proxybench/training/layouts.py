"""Memory layouts of feature maps: small layers on the CPU spend most of their time waiting for memory."""

from __future__ import annotations

from enum import Enum

from torch import Tensor


class Layout(Enum):
    """The order in memory of the dimensions of feature maps [n, channels, h, w], slowest first.

    Torch's convolutions between many channels are fastest with CHANNELS_LAST. In IMAGES_LAST all numbers of a channel
    are contiguous, so that 1x1 convolutions are matrix products, and operations on single pixels or channels work on
    rows of numbers.

    Attributes:
        order: the dimensions of maps in memory order.
        back: the inverse permutation, from memory order to maps.
    """

    CHANNELS_LAST = (0, 2, 3, 1)
    IMAGES_LAST = (1, 2, 3, 0)

    def __init__(self, *order: int) -> None:
        self.order = order
        self.back = tuple(order.index(dim) for dim in range(4))

    def physical(self, maps: Tensor) -> Tensor:
        """Maps [n, channels, h, w] with their dimensions in memory order; a copy unless already stored that way."""
        return maps.permute(self.order).contiguous()

    def logical(self, physical: Tensor) -> Tensor:
        """The maps [n, channels, h, w] from the result of `physical`; never a copy."""
        return physical.permute(self.back)
