"""Numba-compiled loops over feature maps, and how they traverse a row of pixels.

Torch makes a pass over memory for each operation, or uses a loop without vector instructions; a compiled loop does the
work while the numbers are in the cache. Compiling takes a few seconds per function, once per machine, since numba
stores the result next to the file or in the user's cache folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from proxybench.compiled import compiled as compiled_exactly

Numbers = NDArray[Any]  # of float32 or float64
Pair = tuple[int, int]
Loop = TypeVar("Loop", bound=Callable[..., Any])
_IN_ANY_ORDER = {"reassoc", "contract", "nsz"}  # sums in any order, which vectors need; NaN and infinity are preserved


def compiled(loop: Loop) -> Loop:
    """The function, compiled on first call."""
    return compiled_exactly(loop, fastmath=_IN_ANY_ORDER)


def numbers(tensor: Tensor) -> Numbers:
    """The tensor's memory."""
    array: Numbers = (tensor.detach() if tensor.requires_grad else tensor).numpy()
    return array


@compiled
def reach(offset: int, stride: int, size: int, places: int) -> tuple[int, int]:
    """The places, a range from 0 to `places`, for which 0 <= place * stride + offset < size."""
    return max(0, -(offset // stride)), min(places, (size - 1 - offset) // stride + 1)


@compiled
def runs(first: int, end: int, stride: int, lanes: int) -> tuple[int, int]:
    """The number of pieces, and numbers per piece, of a range of places in a row.

    A place consists of `lanes` numbers. Neighbouring places form one contiguous piece only if the stride is 1.
    """
    if stride == 1:
        return 1, (end - first) * lanes
    return max(0, end - first), lanes


@compiled
def at(index: int) -> int:
    """An index known not to be negative: checking for negative indices would prevent vectorisation of a loop."""
    return np.uintp(index)  # type: ignore[return-value]  # an int where it is compiled
