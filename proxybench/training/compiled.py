"""Loops over feature maps that numba compiles, and how they walk along a row of pixels.

What torch does in a pass over memory for each operation, or in a loop without vector instructions, such a loop does
while the numbers are in the cache. Compiling takes a few seconds a function, once per machine, since numba keeps the
result beside the file or in the user's cache folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[Any]  # of float32 or float64
Pair = tuple[int, int]
Loop = TypeVar("Loop", bound=Callable[..., Any])
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},  # sums in any order, which vectors need; NaN and infinity as they are
}


def compiled(loop: Loop) -> Loop:
    """The function, compiled at its first call."""
    try:
        return cast(Loop, njit(loop, cache=True, **_OPTIONS))
    except RuntimeError:  # no folder that numba may write its cache to
        return cast(Loop, njit(loop, **_OPTIONS))


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
    """How many pieces of how many numbers a range of places of a row is.

    A place is `lanes` numbers. What is read for neighbouring places is one piece only where the stride is 1.
    """
    if stride == 1:
        return 1, (end - first) * lanes
    return max(0, end - first), lanes


@compiled
def at(index: int) -> int:
    """An index known not to be negative: to look for those that count from the end keeps a loop from being vectors."""
    return np.uintp(index)  # type: ignore[return-value]  # an int where it is compiled
