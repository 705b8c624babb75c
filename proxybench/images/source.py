"""The interface of every source of labelled images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_STD = (0.2470, 0.2435, 0.2616)

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Source:
    """A set of labelled images from which some can be read.

    Attributes:
        name: description in words.
        labels: int64[N].
        classes: number of classes.
        read: maps row numbers to pixels [n, c, h, w], uint8 or float32.
        scale: divisor of pixel values.
        mean: mean of each channel, after `scale`.
        std: standard deviation of each channel, after `scale`.
    """

    name: str
    labels: NDArray[np.int64]
    classes: int
    read: Callable[[NDArray[np.int64]], Pixels]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
