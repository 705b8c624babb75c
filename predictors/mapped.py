"""Per-node arrays that lie in a file: mapped, not loaded, so that those of a whole space need not fit in memory."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from predictors.ragged import Ragged
from predictors.rows import places_of, row_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from predictors.rows import Index

IN_MEMORY = 32 * 2**20  # bytes of a part, up to which it is read into memory
_RESIDENT = 8 * 2**20  # bytes of a file that may be resident before its pages are given back
_FAULT = 64 * 2**10  # bytes that Linux maps around the place that was touched


class MappedFile:
    """A `.npy` file as an array, of which no more than about 8 MB is resident.

    A process that maps a file keeps every page it has read until memory is short. Here they are given back to the
    page cache of the system, where they cost this process nothing and are found again without reading the disk. The
    file must stay as it is; it may be removed while it is open. A pickle holds the path.

    Args:
        path: of a file that numpy.save wrote, in C order.

    Attributes:
        array: the whole, read-only; what is read from it directly stays resident until the next `copy` or `gather`.

    Raises:
        ValueError: for a file that is no such array.
        OSError: when it cannot be read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        with self.path.open("rb") as stream:
            shape, dtype, start = _header(self.path, stream)
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        if len(self._map) < start + dtype.itemsize * np.prod(shape, dtype=np.int64):
            raise ValueError(f"{self.path} is shorter than its header says")
        self.array: NDArray[Any] = np.ndarray(shape, dtype, self._map, start)
        self._touched = 0

    def copy(self, start: int, end: int) -> NDArray[Any]:
        """`array[start:end]` in memory."""
        part = np.empty((end - start, *self.array.shape[1:]), self.array.dtype)
        step = max(1, _RESIDENT // max(1, self.array[:1].nbytes))
        for place in range(0, end - start, step):
            piece = self.array[start + place : min(end, start + place + step)]
            part[place : place + len(piece)] = piece
            self._touch(piece.nbytes + _FAULT)
        return part

    def gather(self, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[Any]:
        """Rows that start there and are so long, end to end, in memory."""
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
        """Rows one after the other, so many that they touch about as much as may be resident."""
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


def _header(path: Path, stream: Any) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, type and where the values begin."""
    from numpy.lib import format as npy

    readers: dict[tuple[int, int], Any] = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(stream)
    if version not in readers:
        raise ValueError(f"{path} is a .npy file of version {version}; write it with numpy.save")
    shape, fortran, dtype = readers[version](stream)
    if fortran or dtype.hasobject or not shape:
        raise ValueError(f"{path} holds no rows of numbers in C order")
    return shape, dtype, stream.tell()


class MappedRagged(Ragged):
    """Arrays of different lengths in a file: row i is `length[i]` values from `start[i]`.

    Indexing gives what Ragged gives. A part of up to 32 MiB is in memory, a larger one stays in the file, so that
    cutting a space into training and test part reads nothing.

    Args:
        file: the values, shape [total] or [total, d].
        starts: int64[n].
        lengths: int64[n].

    Raises:
        ValueError: for rows that leave the file.
    """

    def __init__(self, file: MappedFile, starts: ArrayLike, lengths: ArrayLike) -> None:
        self.file = file
        self.starts: NDArray[np.int64] = np.asarray(starts, dtype=np.int64)
        self.lengths: NDArray[np.int64] = np.asarray(lengths, dtype=np.int64)
        if self.starts.shape != self.lengths.shape or self.starts.ndim != 1:
            raise ValueError(f"{self.starts.shape} starts do not fit {self.lengths.shape} lengths")
        if len(self.starts) and (
            self.starts.min() < 0 or self.lengths.min() < 0 or int((self.starts + self.lengths).max()) > len(file.array)
        ):
            raise ValueError(f"rows leave the {len(file.array)} values of {file.path}")

    @classmethod
    def open(cls, values: Path | str, offsets: ArrayLike) -> Self:
        """The rows of a `.npy` file of values, with offsets as Ragged has them. Raises as MappedFile and Ragged."""
        file = MappedFile(values)
        bounds = Ragged(file.array, offsets).offsets
        return cls(file, bounds[:-1], np.diff(bounds))

    @property
    def values(self) -> NDArray[Any]:
        """The rows end to end; where they lie so in the file, its part of it, otherwise all of them in memory."""
        if len(self) and np.array_equal(self.starts[1:], (self.starts + self.lengths)[:-1]):
            return self.file.array[self.starts[0] : self.starts[-1] + self.lengths[-1]]
        return self.file.gather(self.starts, self.lengths)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each row begins in `values`, and where the last ends, int64[n + 1]."""
        return np.concatenate([[0], np.cumsum(self.lengths, dtype=np.int64)])

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, row: int) -> NDArray[Any]:
        row = range(len(self))[row]
        return self.file.copy(int(self.starts[row]), int(self.starts[row] + self.lengths[row]))

    def take(self, rows: Index) -> Ragged:
        """The chosen rows, in the order given: a Ragged in memory, or, of more than 32 MiB, a MappedRagged."""
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
