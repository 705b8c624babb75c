"""Per-node arrays in a memory-mapped file, so that those of a whole space need not fit in memory."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.lib.format import open_memmap

from predictors.ragged import Ragged
from predictors.rows import places_of, row_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from predictors.rows import Index

IN_MEMORY = 32 * 2**20  # parts of up to this many bytes are read into memory
_RESIDENT = 8 * 2**20  # bytes of a file that may be resident before its pages are released
_FAULT = 64 * 2**10  # bytes that Linux maps around an accessed address


class MappedFile:
    """A `.npy` file as an array, with at most about 8 MB resident at a time.

    A process that maps a file normally keeps every page it has read until memory is short. Here pages are released to
    the system's page cache, where they do not count for this process and can be accessed again without reading the
    disk. The file must not change; it may be removed while it is open. A pickle stores only the path.

    Args:
        path: path of a file written by numpy.save, in C order.

    Attributes:
        array: the whole array, read-only; pages that are read directly stay resident until the next `copy` or `gather`.

    Raises:
        ValueError: if the file does not hold an array of this kind.
        OSError: if the file cannot be read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        try:
            mapped: Any = open_memmap(self.path, mode="r")
        except ValueError as error:
            raise ValueError(f"{self.path} is not a complete .npy file of numbers: {error}") from error
        if not (mapped.ndim and mapped.flags.c_contiguous):
            raise ValueError(f"{self.path} does not contain rows of numbers in C order")
        self._map: mmap.mmap = mapped._mmap
        self.array: NDArray[Any] = mapped.view(np.ndarray)
        self._touched = 0

    def copy(self, start: int, end: int) -> NDArray[Any]:
        """A copy of `array[start:end]` in memory."""
        part = np.empty((end - start, *self.array.shape[1:]), self.array.dtype)
        step = max(1, _RESIDENT // max(1, self.array[:1].nbytes))
        for place in range(0, end - start, step):
            piece = self.array[start + place : min(end, start + place + step)]
            part[place : place + len(piece)] = piece
            self._touch(piece.nbytes + _FAULT)
        return part

    def gather(self, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[Any]:
        """A concatenated copy in memory of the rows with these starts and lengths."""
        total = int(lengths.sum())
        part = np.empty((total, *self.array.shape[1:]), self.array.dtype)
        filled = 0
        for rows in self._pieces(lengths):
            places, _ = places_of(starts[rows], lengths[rows])
            part[filled : filled + len(places)] = self.array[places]
            filled += len(places)
            self._touch(len(places) * self.array[:1].nbytes + (rows.stop - rows.start) * _FAULT)
        return part

    def _pieces(self, lengths: NDArray[np.int64]) -> Iterator[slice]:
        """Consecutive slices of the rows, each of which touches about as many bytes as may be resident."""
        touched = np.cumsum(lengths * self.array[:1].nbytes + _FAULT)
        start = 0
        while start < len(lengths):
            before = touched[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(touched, before + _RESIDENT, side="right")))
            yield slice(start, end)
            start = end

    def _touch(self, size: int) -> None:
        self._touched += size
        if self._touched >= _RESIDENT and hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_DONTNEED)
            self._touched = 0

    def __reduce__(self) -> tuple[type[MappedFile], tuple[str]]:
        return (type(self), (str(self.path),))


class MappedRagged(Ragged):
    """Arrays of different lengths in a file: row i is `lengths[i]` values from `starts[i]` on.

    Indexing works as in Ragged. Selections of up to 32 MiB are read into memory, larger ones stay in the file, so that
    splitting a whole space into training and test sets reads nothing.

    Args:
        file: the values, shape [total] or [total, d].
        starts: int64[n].
        lengths: int64[n].

    Raises:
        ValueError: if a row extends beyond the file.
    """

    def __init__(self, file: MappedFile, starts: ArrayLike, lengths: ArrayLike) -> None:
        self.file = file
        self.starts: NDArray[np.int64] = np.asarray(starts, dtype=np.int64)
        self.lengths: NDArray[np.int64] = np.asarray(lengths, dtype=np.int64)
        if self.starts.shape != self.lengths.shape or self.starts.ndim != 1:
            raise ValueError(f"starts of shape {self.starts.shape} do not match lengths of shape {self.lengths.shape}")
        if len(self.starts) and (
            self.starts.min() < 0 or self.lengths.min() < 0 or int((self.starts + self.lengths).max()) > len(file.array)
        ):
            raise ValueError(f"rows extend beyond the {len(file.array)} values of {file.path}")

    @classmethod
    def open(cls, values: Path | str, offsets: ArrayLike) -> Self:
        """The rows of a `.npy` file of values, with offsets as in Ragged. Raises as MappedFile and Ragged do."""
        file = MappedFile(values)
        bounds = Ragged(file.array, offsets).offsets
        return cls(file, bounds[:-1], np.diff(bounds))

    @property
    def values(self) -> NDArray[Any]:
        """The concatenated rows: a view of the file if they are consecutive there, otherwise a copy in memory."""
        if len(self) and np.array_equal(self.starts[1:], (self.starts + self.lengths)[:-1]):
            return self.file.array[self.starts[0] : self.starts[-1] + self.lengths[-1]]
        return self.file.gather(self.starts, self.lengths)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each row begins in `values`, and where the last one ends, int64[n + 1]."""
        return np.concatenate([[0], np.cumsum(self.lengths, dtype=np.int64)])

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, row: int) -> NDArray[Any]:
        row = range(len(self))[row]
        return self.file.copy(int(self.starts[row]), int(self.starts[row] + self.lengths[row]))

    def take(self, rows: Index) -> Ragged:
        """The chosen rows, in the given order: a Ragged in memory, or a MappedRagged if larger than 32 MiB."""
        rows = row_numbers(rows, len(self))
        part = MappedRagged(self.file, self.starts[rows], self.lengths[rows])
        if int(part.lengths.sum()) * self.file.array[:1].nbytes > IN_MEMORY:
            return part
        offsets = part.offsets
        ends = part.starts + part.lengths
        if len(part) and np.array_equal(part.starts[1:], ends[:-1]):
            return Ragged(self.file.copy(int(part.starts[0]), int(ends[-1])), offsets)
        return Ragged(self.file.gather(part.starts, part.lengths), offsets)

    def with_empty_row(self) -> MappedRagged:
        return MappedRagged(self.file, np.append(self.starts, 0), np.append(self.lengths, 0))
