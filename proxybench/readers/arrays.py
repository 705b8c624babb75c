"""Untrusted arrays: npy and npz files of numbers, without objects and no larger than declared.

numpy's own reader allocates memory for any shape in a header and evaluates the header as Python; this one accepts only
the form of header that numpy writes, and allocates memory only for the bytes present.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import check_members, member_bytes, read_bytes, reading, zip_archive

MAX_NPZ = 256 * 2**20  # bytes of all arrays of a file
_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000
_DIMENSIONS = 32
_HEADER = re.compile(
    r"\{ *'descr': *'(?P<type>[<>|=][biufc][0-9]{1,2})' *, *'fortran_order': *(?P<fortran>True|False) *, *"
    r"'shape': *\((?P<shape>[0-9, ]*)\) *,? *\}[ \n]*"
)


def read_npz(path: Path, limit: int = MAX_NPZ) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file by name, each in its own memory.

    Args:
        path: the file.
        limit: maximum size of the file, and of all arrays together, in bytes.

    Raises:
        CorruptData: if the file is not an npz file of arrays of numbers, or is larger.
        OSError: if the file does not exist or cannot be read.
    """
    return parse_npz(read_bytes(path, limit), path, limit)


def parse_npz(content: bytes, path: Path, limit: int = MAX_NPZ) -> dict[str, NDArray[Any]]:
    """Like `read_npz`, from the bytes of a file; `path` is for messages."""
    arrays: dict[str, NDArray[Any]] = {}
    with reading(path), zip_archive(io.BytesIO(content)) as archive:
        members = archive.infolist()
        check_members(path, members, limit)
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name == member.filename or name in arrays:
                raise CorruptData(f"{path}: member {member.filename!r} is not an array, or is a duplicate")
            arrays[name] = parse_npy(member_bytes(path, archive, member))
    return arrays


def parse_npy(data: bytes) -> NDArray[Any]:
    """The array of an npy file, in its own memory.

    Raises:
        ValueError: if it is not an array of numbers, or its length does not match its shape.
    """
    version, size = data[6:8], 2 if data[6:7] == b"\x01" else 4
    length = int.from_bytes(data[8 : 8 + size], "little")
    start = 8 + size + length
    if data[:6] != _MAGIC or version not in (b"\x01\x00", b"\x02\x00", b"\x03\x00") or length > _MAX_HEADER:
        raise ValueError("not an array in numpy's format")
    header = _HEADER.fullmatch(data[8 + size : start].decode("latin1"))
    if header is None:
        raise ValueError("the header is not that of an array of numbers")
    shape = tuple(int(length) for length in header["shape"].replace(" ", "").split(",") if length)
    kind = np.dtype(header["type"])
    if len(shape) > _DIMENSIONS or max(shape, default=0) >= 2**63:
        raise ValueError("an array of too many dimensions, or too long")
    if math.prod(shape) * kind.itemsize != len(data) - start:
        raise ValueError(f"{len(data) - start} bytes for an array of shape {shape} and type {kind}")
    return np.ndarray(shape, kind, bytearray(data[start:]), order="F" if header["fortran"] == "True" else "C")
