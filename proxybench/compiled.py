"""Functions compiled by numba, which stores the result next to their file or in the user's cache folder.

Importing this module imports numba, so it is imported only where a loop is about to run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop, **options: Any) -> Loop:
    """The function, compiled on its first call, without the interpreter's lock and without checks for division by zero.

    Args:
        loop: a function of numbers and arrays.
        options: further options of numba.njit.
    """
    options = {"nogil": True, "error_model": "numpy", **options}
    try:
        return cast(Loop, njit(loop, cache=True, **options))
    except RuntimeError:  # numba has no folder that it may write its cache to
        return cast(Loop, njit(loop, **options))
