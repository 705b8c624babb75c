"""The headers of the pages of a parquet column: how many values and bytes each page really has.

They are structures in Thrift's compact protocol; this reads the few fields that matter and skips
the rest.

Formats: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_WINDOW = 2**14  # bytes that nearly every header fits in
_LONGEST = 2**22  # bytes of a header, at most
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
_DEPTH = 8
_DATA, _DICTIONARY, _DATA_2 = 5, 7, 8  # fields of a page header that hold its numbers
_ENCODING = {_DATA: 2, _DICTIONARY: 2, _DATA_2: 4}
# PLAIN, PLAIN_DICTIONARY, RLE, BIT_PACKED, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, RLE_DICTIONARY and
# BYTE_STREAM_SPLIT. Left out is DELTA_BYTE_ARRAY, whose texts can be longer than their page.
_BOUNDED_ENCODINGS = (0, 2, 3, 4, 5, 6, 8, 9)

Fields = dict[int, "int | Fields"]


class Page(NamedTuple):
    """The content of one page.

    Attributes:
        values: number of values, including nulls.
        size: decompressed size in bytes.
        dictionary: whether it holds the values that the other pages refer to.
    """

    values: int
    size: int
    dictionary: bool


def pages_of(stream: BinaryIO, start: int, length: int, values: int) -> Iterator[Page]:
    """The pages of a column chunk, as far as a reader gets that looks for `values` values.

    Args:
        stream: the file.
        start: offset of the first page.
        length: size of the chunk in bytes.
        values: number of values in the chunk.

    Raises:
        ValueError: for an invalid page header, or an encoding whose values can be larger than their page.
    """
    position, seen = start, 0
    if (start < 4 and values) or length < 0 or values < 0:
        raise ValueError(f"a column of {length} bytes at byte {start}")
    while position < start + length and seen < values:
        header, taken = _header(stream, position)
        numbers = [field for field in _ENCODING if field in header]
        sizes = header.get(2), header.get(3)
        if len(numbers) > 1 or not all(isinstance(size, int) and size >= 0 for size in sizes):
            raise ValueError(f"a damaged page at byte {position}")
        size, compressed = (int(size) for size in sizes if isinstance(size, int))
        count = _count(header[numbers[0]], _ENCODING[numbers[0]], position) if numbers else 0
        dictionary = numbers == [_DICTIONARY]
        seen += 0 if dictionary else count
        position += taken + compressed
        yield Page(count, size, dictionary)


def _count(numbers: int | Fields, encoding: int, position: int) -> int:
    count = numbers.get(1) if isinstance(numbers, dict) else None
    if not isinstance(numbers, dict) or not isinstance(count, int) or count < 0:
        raise ValueError(f"a damaged page at byte {position}")
    if numbers.get(encoding, 0) not in _BOUNDED_ENCODINGS:
        raise ValueError(f"a page at byte {position} has the unsupported encoding {numbers.get(encoding)}")
    return count


def _header(stream: BinaryIO, position: int) -> tuple[Fields, int]:
    """The fields of the header at `position`, and its length."""
    for window in (_WINDOW, _LONGEST):
        stream.seek(position)
        data = stream.read(window)
        try:
            return _structure(data, 0, _DEPTH)
        except IndexError:
            if len(data) < window:
                break
    raise ValueError(f"the page header at byte {position} is cut short or too long")


def _structure(data: bytes, position: int, depth: int) -> tuple[Fields, int]:
    """The integers and structures of a structure by the number of their field, and where it ends."""
    fields: Fields = {}
    number = 0
    while kind := data[position] & 15:
        step = data[position] >> 4
        position += 1
        if step:
            number += step
        else:
            number, position = _integer(data, position)
        value, position = _value(data, position, kind, depth)
        if value is not None:
            fields[number] = value
    return fields, position + 1


def _value(data: bytes, position: int, kind: int, depth: int) -> tuple[int | Fields | None, int]:
    if depth == 0:
        raise ValueError("a page header nested too deep")
    if kind in (_TRUE, _FALSE):
        return None, position
    if kind == _BYTE:
        return None, position + 1
    if kind in _INTEGERS:
        return _integer(data, position)
    if kind == _DOUBLE:
        return None, position + 8
    if kind == _BINARY:
        length, position = _unsigned(data, position)
        return None, position + length
    if kind in (_LIST, _SET):
        return None, _after_list(data, position, depth)
    if kind == _STRUCT:
        return _structure(data, position, depth - 1)
    raise ValueError(f"a field of unknown type {kind} in a page header")


def _after_list(data: bytes, position: int, depth: int) -> int:
    count, kind = data[position] >> 4, data[position] & 15
    position += 1
    if count == 15:
        count, position = _unsigned(data, position)
    if kind in (_TRUE, _FALSE):
        return position + count
    for _ in range(count):
        _, position = _value(data, position, kind, depth - 1)
        data[position - 1]  # IndexError if the list claims more than there is
    return position


def _unsigned(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position
        if shift > 63:
            raise ValueError("a number in a page header is too long")


def _integer(data: bytes, position: int) -> tuple[int, int]:
    value, position = _unsigned(data, position)
    return value >> 1 ^ -(value & 1), position
