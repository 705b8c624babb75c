"""TFRecord files without TensorFlow: batches of records whose checksums are right.

A record is its length (uint64, little endian), the masked CRC-32C of the length, the data, and the masked CRC-32C
of the data. The file is streamed; whatever is wrong with it is a CorruptData that gives the byte offset.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from proxybench.errors import CorruptData
from proxybench.readers.regular_files import open_regular
from proxybench.tables.importers.crc32c import masked_crc32c

MAX_RECORD = 2**16  # bytes; a record of NAS-Bench-101 has about 1,000
_BATCH_BYTES = 2**24  # bytes of a batch after padding to its longest record
_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")

Batch = tuple[list[int], list[bytes]]


def read_batches(path: Path) -> Iterator[Batch]:
    """Batches of (byte offset of each record, data of each record), in the order of the file.

    Raises:
        CorruptData: for a wrong checksum, a length above MAX_RECORD or a file that ends within a record.
    """
    with open_regular(path, buffering=2**20) as file:
        offsets: list[int] = []
        contents: list[bytes] = []
        checksums: list[int] = []
        longest = 0
        for offset, data, checksum in _records(path, file):
            longest = max(longest, len(data))
            if longest * (len(contents) + 1) > _BATCH_BYTES:
                yield _checked(path, offsets, contents, checksums)
                offsets, contents, checksums, longest = [], [], [], len(data)
            offsets.append(offset)
            contents.append(data)
            checksums.append(checksum)
        if contents:
            yield _checked(path, offsets, contents, checksums)


def _records(path: Path, file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """(byte offset, data, stored checksum of the data) of each record; the checksum of the length is tested."""
    offset = 0
    length_of: dict[bytes, int] = {}  # headers that were right: files repeat a few hundred lengths
    while header := file.read(_HEADER.size):
        length = length_of.get(header)
        if length is None:
            length = _length(path, header, offset)
            length_of[header] = length
        rest = file.read(length + _CHECKSUM.size)
        if len(rest) < length + _CHECKSUM.size:
            raise CorruptData(f"{path}: the record at byte {offset} is cut short")
        yield offset, rest[:length], _CHECKSUM.unpack_from(rest, length)[0]
        offset += _HEADER.size + len(rest)


def _length(path: Path, header: bytes, offset: int) -> int:
    if len(header) < _HEADER.size:
        raise CorruptData(f"{path}: the record at byte {offset} is cut short")
    length, checksum = _HEADER.unpack(header)
    if int(masked_crc32c([header[:8]])[0]) != checksum:
        raise CorruptData(f"{path}: the length of the record at byte {offset} does not match its checksum")
    if length > MAX_RECORD:
        raise CorruptData(f"{path}: the record at byte {offset} declares {length} bytes, more than {MAX_RECORD}")
    return int(length)


def _checked(path: Path, offsets: list[int], contents: list[bytes], checksums: list[int]) -> Batch:
    wrong = masked_crc32c(contents) != np.array(checksums, dtype=np.uint32)
    if wrong.any():
        offset = offsets[int(wrong.argmax())]
        raise CorruptData(f"{path}: the data of the record at byte {offset} does not match its checksum")
    return offsets, contents
