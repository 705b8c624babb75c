"""A `.npy` file written piece by piece, with a length not known in advance."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray


def write_npy(path: Path, pieces: Iterable[NDArray[np.float64]]) -> int:
    """Write arrays float64[k], end to end, as one float64[total]; returns total. Raises OSError if writing fails."""
    total = 0
    with path.open("wb") as stream:
        npy.write_array_header_1_0(stream, _header(0))
        for piece in pieces:
            stream.write(np.ascontiguousarray(piece, dtype=np.float64).data)
            total += len(piece)
        start = stream.tell() - total * np.dtype(np.float64).itemsize
        stream.seek(0)
        npy.write_array_header_1_0(stream, _header(total))  # numpy pads it so that any length fits
        if stream.tell() != start:
            raise ValueError(f"{path}: the header for {total} values is longer than for 0")
    return total


def _header(total: int) -> dict[str, object]:
    return {"shape": (total,), "fortran_order": False, "descr": npy.dtype_to_descr(np.dtype(np.float64))}
