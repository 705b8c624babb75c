"""Feature maps whose channels lie next to each other in memory, as torch's convolutions on CPUs prefer, without copies.

Maps of images in this order (`torch.channels_last`) stay in it from layer to layer.
"""

from __future__ import annotations

import torch
from torch import Tensor

_REFUSED = "view size is not compatible with input tensor's size and stride"


def channels_together(values: Tensor) -> bool:
    """Whether a map [n, c, h, w] has its channels next to each other in memory."""
    return values.dim() == 4 and values.is_contiguous(memory_format=torch.channels_last)


def over_positions(feature: Tensor) -> Tensor:
    """A map [n, c, h, w] as [n, c, positions], a view in either order of memory."""
    if channels_together(feature):
        return feature.permute(0, 2, 3, 1).flatten(1, 2).mT
    return feature.flatten(2)


def as_rows(values: Tensor) -> Tensor:
    """Values [n, ...] as [n, values], in the order of memory, which is the same for all rows."""
    if channels_together(values):
        return values.permute(0, 2, 3, 1).flatten(1)
    return values.flatten(1)


def refuses_order(error: BaseException) -> bool:
    """Whether a network raised an error because it views a map that lies in memory in another order."""
    return isinstance(error, RuntimeError) and _REFUSED in str(error)
