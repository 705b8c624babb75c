"""Arrays of different lengths in one buffer, such as one value for each node of an architecture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.errors import InvalidValues
from predictors.rows import places_of, read_only, row_numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from predictors.rows import Index


class Ragged:
    """Arrays of different lengths in one buffer: row i is `values[offsets[i]:offsets[i + 1]]`.

    Args:
        values: the concatenated rows, shape [total] or [total, d], in any container; arrays may be memory-mapped and
            are not copied. Missing values become NaN.
        offsets: int64[n + 1], non-decreasing, from 0 to total.

    Raises:
        ValueError: if offsets do not cover the values, or values are not real numbers.
    """

    def __init__(self, values: ArrayLike, offsets: ArrayLike) -> None:
        from predictors.containers import as_numbers

        numbers = as_numbers(values, "the values of a node array")
        self._values: NDArray[Any] = values if isinstance(values, np.memmap) else numbers
        self._offsets: NDArray[np.int64] = np.asarray(offsets, dtype=np.int64)
        if len(self._offsets) == 0 or self._offsets[0] != 0 or self._offsets[-1] != len(self._values):
            raise ValueError("offsets must run from 0 to the number of values")
        if np.any(np.diff(self._offsets) < 0):
            raise ValueError("offsets must not decrease")

    @property
    def values(self) -> NDArray[Any]:
        """The concatenated rows, shape [total] or [total, d]."""
        return self._values

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each row begins in `values`, and where the last one ends, int64[n + 1]."""
        return self._offsets

    @classmethod
    def from_rows(cls, rows: Iterable[ArrayLike]) -> Ragged:
        """Join one array per row, each in any container. Raises ValueError if a row is not a list of numbers."""
        from predictors.containers import as_numbers

        arrays = [as_numbers(row, f"row {number} of a node array") for number, row in enumerate(rows)]
        for number, array in enumerate(arrays):
            if not array.ndim:
                raise InvalidValues(f"row {number} of a node array is a single number; use a list with one element")
        offsets = np.concatenate([[0], np.cumsum([len(array) for array in arrays], dtype=np.int64)])
        return cls(np.concatenate(arrays) if arrays else np.empty(0), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        row = range(len(self))[row]
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows: Index) -> Ragged:
        """The chosen rows, in the given order; a slice with step 1 shares memory with this array."""
        if isinstance(rows, slice) and rows.step in (None, 1):
            start, stop, _ = rows.indices(len(self))
            bounds = self.offsets[start : max(start, stop) + 1]
            return Ragged(self.values[bounds[0] : bounds[-1]], bounds - bounds[0])
        rows = row_numbers(rows, len(self))
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        length = len(self.values) // max(1, len(self))
        if len(self.values) == length * len(self) and (lengths == length).all() and (starts == rows * length).all():
            width = self.values.shape[1:]  # copying whole rows is faster than copying single values
            grid = self.values.reshape(len(self), length, *width)
            return Ragged(grid[rows].reshape(-1, *width), np.arange(len(rows) + 1) * length)
        places, offsets = places_of(starts, lengths)
        return Ragged(self.values[places], offsets)

    def read_only(self) -> Ragged:
        """A read-only view of the same rows, in the same memory."""
        if type(self) is not Ragged or not (self._values.flags.writeable or self._offsets.flags.writeable):
            return self
        rows = Ragged.__new__(Ragged)
        rows._values, rows._offsets = read_only(self._values), read_only(self._offsets)
        return rows

    def with_empty_row(self) -> Ragged:
        """The same rows plus an empty one at the end."""
        return Ragged(self.values, np.append(self.offsets, self.offsets[-1]))
