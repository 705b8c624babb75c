"""The signs of neurons with eight images in a byte, so that patterns over the images can be compared as numbers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def packed_signs(positive: Tensor) -> Tensor:
    """Signs bool[n, neurons] as uint8[octets, neurons], the first of eight images in the highest bit.

    Bits for which there is no image are 0.
    """
    images, neurons = positive.shape
    padded = functional.pad(positive.view(torch.uint8), (0, 0, 0, -images % 8))
    bits = torch.tensor([1 << place for place in range(7, -1, -1)], dtype=torch.uint8, device=positive.device)
    packed: Tensor = (padded.reshape(-1, 8, neurons) * bits[:, None]).sum(1, dtype=torch.uint8)
    return packed
