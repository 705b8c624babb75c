"""Which rows an index chooses, and arrays that share memory without giving the right to change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.errors import InvalidValues

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Index = slice | Sequence[int] | NDArray[Any]


def places_of(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the values of rows lie that start there and are so long, int64[total], and the offsets of the rows."""
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths), offsets


def row_numbers(key: Any, n: int) -> NDArray[np.int64]:
    """The rows that a slice, a mask or numbers choose of `n`, as numbers from 0, in time that does not grow with n.

    Args:
        key: a slice, or whole numbers or booleans in any container, by position.
        n: how many rows there are.

    Raises:
        IndexError: for a row that is not there, a mask of another length or with missing values, and a key that
            chooses no rows.
    """
    if isinstance(key, slice):
        return np.arange(*key.indices(n))
    rows = _as_key(key)
    if rows.shape == (0,) and rows.dtype.kind != "b":
        return np.empty(0, dtype=np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "biu":
        raise IndexError(f"rows are chosen by a slice, a mask or whole numbers, not by {rows.dtype} {rows.shape}")
    if rows.dtype.kind == "b":
        if len(rows) != n:
            raise IndexError(f"a mask of {len(rows)} values does not fit {n} rows")
        return np.flatnonzero(rows)
    if not -n <= int(rows.min()) <= int(rows.max()) < n:
        wrong = rows[(rows < -n) | (rows >= n)][0]
        raise IndexError(f"row {wrong} is not one of the {n} rows")
    rows = rows.astype(np.int64, copy=False)
    return np.where(rows < 0, rows + n, rows)


def _as_key(key: Any) -> NDArray[Any]:
    """An index as an array of booleans or whole numbers; what is neither keeps the type that refuses it."""
    from predictors.containers import as_numbers

    if isinstance(key, (str, bytes)):
        raise IndexError(f"{key!r} is no row; a column is read with batch.column(name)")
    if key is None or key is Ellipsis:
        raise IndexError(f"{key} chooses no rows")
    try:
        return as_numbers(key, "an index")
    except InvalidValues as error:
        raise IndexError(str(error)) from error


def is_mask(key: Any) -> bool:
    """Whether an index of a library's type holds booleans, and so says of every row whether it is chosen."""
    return str(getattr(key, "dtype", "")).startswith("bool")


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """The same memory as an array that refuses to be written to."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view
