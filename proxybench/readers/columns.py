"""Untrusted parquet: the memory that its columns need is known before they are read.

A run of a billion equal values takes six bytes in a parquet file, and the sizes in its footer are only the writer's
claim. So the headers of all pages are read first, which takes no more memory than the file, and values and bytes are
limited in proportion to the file. Checksums of pages are verified if present.

Format: https://parquet.apache.org/docs/file-format/
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from proxybench.readers.page_headers import Page, pages_of
from proxybench.readers.regular_files import open_regular

MAX_FOOTER = 32 * 2**20
MAX_PAGE = 256 * 2**20  # bytes of one page when decompressed
VALUES = (2**24, 1000)  # per file: a base, plus a number for each of its bytes
BYTES = (2**28, 100)  # per file when decompressed, in the same way
_TEXT_KINDS = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")


def open_parquet(path: Path, *, row_by_row: bool = False, **options: Any) -> pq.ParquetFile:
    """A parquet file whose columns fit in memory.

    Args:
        path: of a regular file.
        row_by_row: the caller holds a few rows at a time, so that texts may be repeated in any number of rows.
        options: further arguments of pyarrow.parquet.ParquetFile.

    Raises:
        ValueError: if it needs memory out of proportion to the file, or has unreadable pages.
        CorruptData: if it is not a regular file.
        pa.ArrowException, OSError: if it is not a parquet file, is missing or cannot be read.
    """
    with open_regular(path) as stream:
        size = _check_footer(stream)
        file = pq.ParquetFile(path, page_checksum_verification=True, thrift_container_size_limit=10**6, **options)
        try:
            _check_columns(path, file, stream, size, row_by_row)
        except BaseException:
            file.close()
            raise
    return file


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The columns of a file, all by default. Raises like `open_parquet`, and KeyError for a missing column."""
    with open_parquet(path) as file:
        for name in columns or ():
            if name not in file.schema_arrow.names:
                raise KeyError(f"column {name} is missing")
        return file.read(columns=None if columns is None else list(columns))


def _limit(rule: tuple[int, int], size: int) -> int:
    return rule[0] + rule[1] * size


def _check_footer(stream: BinaryIO) -> int:
    """The size of the file, after checking that its footer is plausible."""
    size = os.fstat(stream.fileno()).st_size
    if size < 12:
        raise ValueError(f"{size} bytes are not a parquet file")
    stream.seek(-8, os.SEEK_END)
    length = int.from_bytes(stream.read(4), "little")
    if length > min(MAX_FOOTER, size - 12):
        raise ValueError(f"a footer of {length} bytes")
    return size


def _check_columns(path: Path, file: pq.ParquetFile, stream: BinaryIO, size: int, row_by_row: bool) -> None:
    """Raise ValueError if the columns need memory out of proportion to the file."""
    most, largest, about = _limit(VALUES, size), _limit(BYTES, size), file.metadata
    values = total = 0
    for number in range(about.num_columns):
        pages = _pages(file, number, stream)
        count = dictionary = 0
        for page in pages:
            total += page.size
            count += page.values
            if page.dictionary:
                dictionary = max(dictionary, page.size)
            if page.size > MAX_PAGE or total > largest or values + count > most:
                raise ValueError(f"it has more than {most} values or {largest} bytes in a file of {size} bytes")
        values += count
        kind = file.schema.column(number)
        held = 0 if row_by_row else max(dictionary, kind.length) * count
        if kind.physical_type in _TEXT_KINDS and held > largest:
            total += _bytes_of(path, kind)
            if total > largest:
                raise ValueError(f"its texts, most of them repeated, have more than {largest} bytes")
    rows = sum(about.row_group(group).num_rows for group in range(about.num_row_groups))
    if not rows == about.num_rows <= most:
        raise ValueError(f"{about.num_rows} rows are more than can fit in {size} bytes")


def _pages(file: pq.ParquetFile, number: int, stream: BinaryIO) -> Iterator[Page]:
    """The pages of a column."""
    for group in range(file.num_row_groups):
        column = file.metadata.row_group(group).column(number)
        starts = [column.data_page_offset, column.dictionary_page_offset or column.data_page_offset]
        yield from pages_of(stream, min(starts), column.total_compressed_size, column.num_values)


def _bytes_of(path: Path, kind: pq.ColumnSchema) -> int:
    """Bytes of all texts of a column, read without expanding repetitions."""
    if kind.physical_type != "BYTE_ARRAY" or kind.max_repetition_level:
        raise ValueError(f"{kind.path} repeats texts in an unsupported form")
    total = 0
    with pq.ParquetFile(path, read_dictionary=[kind.path]) as file:
        for group in range(file.num_row_groups):
            for column in file.read_row_group(group, columns=[kind.path], use_threads=False).columns:
                for chunk in column.chunks:
                    lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
                    total += pc.sum(lengths.take(chunk.indices.drop_null())).as_py() or 0
    return total
