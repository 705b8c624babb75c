"""Row selection by an index, and read-only views of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.errors import InvalidValues

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Index = slice | Sequence[int] | NDArray[Any]


def places_of(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of all values of the rows with these starts and lengths, int64[total], and the offsets of the rows."""
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths), offsets


def row_numbers(key: Any, n: int) -> NDArray[np.int64]:
    """The rows selected by a slice, a mask or numbers, as numbers from 0, in time that depends only on the key.

    Args:
        key: a slice, or integers or booleans in any container, by position.
        n: total number of rows.

    Raises:
        IndexError: if a row is out of range, a mask has the wrong length or missing values, or the key is of another
            type.
    """
    if isinstance(key, slice):
        return np.arange(*key.indices(n))
    rows = _as_key(key)
    if rows.shape == (0,) and rows.dtype.kind != "b":
        return np.empty(0, dtype=np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "biu":
        raise IndexError(f"select rows by a slice, a mask or integers, not by {rows.dtype} of shape {rows.shape}")
    if rows.dtype.kind == "b":
        if len(rows) != n:
            raise IndexError(f"a mask of {len(rows)} values does not match {n} rows")
        return np.flatnonzero(rows)
    if not -n <= int(rows.min()) <= int(rows.max()) < n:
        wrong = rows[(rows < -n) | (rows >= n)][0]
        raise IndexError(f"row {wrong} is out of range for {n} rows")
    rows = rows.astype(np.int64, copy=False)
    return np.where(rows < 0, rows + n, rows)


def _as_key(key: Any) -> NDArray[Any]:
    """An index as an array of booleans or integers; other types are kept and rejected by the caller."""
    from predictors.containers import as_numbers

    if isinstance(key, (str, bytes)):
        raise IndexError(f"{key!r} is not a row; read a column with batch.column(name)")
    if key is None or key is Ellipsis:
        raise IndexError(f"{key} does not select rows")
    try:
        return as_numbers(key, "an index")
    except InvalidValues as error:
        raise IndexError(str(error)) from error


def is_mask(key: Any) -> bool:
    """Whether an index has a dtype of booleans, and so selects or rejects each row."""
    return str(getattr(key, "dtype", "")).startswith("bool")


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view of the same memory."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view
