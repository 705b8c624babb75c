"""Random views of images, of which self-supervised training compares two."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SHIFTED = 8  # part of the height and width by which an image is moved at most
JITTER = 0.4  # largest relative change of the contrast, and standard deviation of the change of each channel


def torch_generator(rng: np.random.Generator) -> torch.Generator:
    """A generator for `view`, seeded by a draw of another."""
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


def two_views(images: Tensor, generator: torch.Generator) -> Tensor:
    """Two views of n images, [2 n, channels, h, w]: a view of each, then another of each."""
    return torch.cat([view(images, generator), view(images, generator)])


def view(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images [n, channels, h, w] that are mirrored, moved and changed in contrast and colour at random, each by itself.

    Args:
        images: standardised images.
        generator: on the CPU; the only source of randomness.
    """
    n, channels, height, width = images.shape
    mirrored = torch.rand(n, generator=generator) < 0.5
    margin = max(1, height // SHIFTED), max(1, width // SHIFTED)
    down, across = (torch.randint(2 * most + 1, (n, 1), generator=generator) for most in margin)
    contrast = 1 + JITTER * (2 * torch.rand(n, 1, 1, 1, generator=generator) - 1)
    colour = JITTER * torch.randn(n, channels, 1, 1, generator=generator)
    mirrored, down, across, contrast, colour = (
        drawn.to(images.device) for drawn in (mirrored, down, across, contrast, colour)
    )
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    rows = (down + torch.arange(height, device=images.device) - margin[0]).clamp(0, height - 1)
    columns = (across + torch.arange(width, device=images.device) - margin[1]).clamp(0, width - 1)
    images = images.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width))
    images = images.gather(3, columns[:, None, None, :].expand(-1, channels, height, -1))
    return images * contrast + colour
