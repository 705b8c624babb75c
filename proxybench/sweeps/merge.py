"""The shards of a sweep merged into one parquet file, which `proxybench.scores.score_file` reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from proxybench.files import replacing
from proxybench.jobs.chunked_work import ChunkedWork
from proxybench.scores.score_file import SWEEP, ragged_of

NODE_BITS = 11
SECONDS_BITS = 10  # bits of the mantissa: a clock is no better than a thousandth
ROW_GROUP = 16_384  # rows of the file held in memory while writing


def merge(work: ChunkedWork, path: Path, *, node_bits: int = NODE_BITS, partial: bool = False) -> int:
    """Write the results of a sweep to one parquet file, sorted by digest; returns the number of rows.

    The file's metadata holds the setting. Equal results give equal bytes, except for the seconds.

    Args:
        work: work of a sweep.
        path: the file, which is replaced atomically.
        node_bits: mantissa bits (of 52) to keep in node values; scores are kept in full, seconds to a thousandth.
        partial: write the finished part even if chunks are missing.

    Raises:
        ProxybenchError: if chunks are missing and `partial` is false, or there are no results.
        CorruptData: if a shard is damaged.
    """
    whole = work.require_done(partial=partial)
    groups = _row_groups(_by_digest(work), node_bits)
    first = next(groups)
    about = {"setting": work.plan["setting"], "sweep": work.digest, "node bits": node_bits, "missing": not whole}
    schema = first.schema.with_metadata({SWEEP: json.dumps(about).encode()})
    return write_groups((group.replace_schema_metadata(schema.metadata) for group in chain([first], groups)), path)


def write_groups(groups: Iterable[pa.Table], path: Path) -> int:
    """Write tables of one schema, with its metadata, as the row groups of a file of scores; returns the rows.

    The file is replaced atomically.
    """
    tables = iter(groups)
    first = next(tables)
    schema = first.schema
    # Byte planes are stored separately: the lowest are zero after rounding, and cost nothing.
    floats = sorted(field.name for field in schema if pa.types.is_floating(field.type))
    lists = [field.name for field in schema if pa.types.is_list(field.type)]
    rows = 0
    with (
        replacing(path) as stream,
        pq.ParquetWriter(
            stream,
            schema,
            compression="zstd",
            compression_level=9,
            use_dictionary=[name for name in schema.names if name not in floats and name not in lists],
            column_encoding=dict.fromkeys([*floats, *(f"{name}.list.element" for name in lists)], "BYTE_STREAM_SPLIT"),
            write_page_checksum=True,
        ) as writer,
    ):
        for group in chain([first], tables):
            writer.write_table(group)
            rows += group.num_rows
    return rows


def _by_digest(work: ChunkedWork) -> Iterator[pa.Table]:
    """The content of the shards in digest order, with the columns of all; one shard at a time if they are sorted."""
    missing = set(work.missing())
    done = [number for number in range(work.chunks) if number not in missing]
    schema = pa.unify_schemas([pq.read_schema(work.shard(number)).remove_metadata() for number in done])
    digests = [digest for number in done for digest in work.items_of(number).column("digest").to_pylist()]
    tables = (
        pa.concat_tables([schema.empty_table(), table.replace_schema_metadata(None)], promote_options="default")
        for table in work.tables()
    )
    if digests == sorted(digests):
        yield from tables
    else:
        yield pa.concat_tables(tables).sort_by("digest")


def _row_groups(tables: Iterable[pa.Table], node_bits: int) -> Iterator[pa.Table]:
    """The rows of tables in groups of ROW_GROUP, rounded."""
    held, rows = [], 0
    for table in tables:
        held.append(table)
        rows += table.num_rows
        while rows >= ROW_GROUP:
            joined = pa.concat_tables(held)
            yield _rounded_group(joined.slice(0, ROW_GROUP), node_bits)
            held = [joined.slice(ROW_GROUP)]
            rows = held[0].num_rows
    if rows:
        yield _rounded_group(pa.concat_tables(held), node_bits)


def _rounded_group(table: pa.Table, node_bits: int) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            column = pa.ListArray.from_arrays(*_rounded(table.column(place), node_bits))
            table = table.set_column(place, field.name, column)
        elif field.name.startswith("seconds"):
            seconds = pa.array(round_mantissa(table.column(place).to_numpy(), SECONDS_BITS))
            table = table.set_column(place, field.name, seconds)
    return table.combine_chunks()


def _rounded(column: pa.ChunkedArray, bits: int) -> tuple[pa.Array, pa.Array]:
    """Offsets and values of a column of lists, with values rounded to `bits` bits of mantissa."""
    ragged = ragged_of(column)
    return pa.array(ragged.offsets.astype(np.int32)), pa.array(round_mantissa(ragged.values, bits))


def round_mantissa(values: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """The nearest float64 with `bits` (0 to 52) bits of mantissa, ties away from zero; keeps NaN and infinities.

    The relative error is at most 2 ** -(bits + 1).
    """
    if not 0 <= bits <= 52:
        raise ValueError(f"a float64 has 52 bits of mantissa; cannot keep {bits}")
    values = np.ascontiguousarray(values, dtype=np.float64)
    if bits == 52:
        return values
    dropped = 52 - bits
    raw = values.view(np.uint64) + np.uint64(1 << (dropped - 1))
    rounded = (raw >> np.uint64(dropped) << np.uint64(dropped)).view(np.float64)
    # The largest numbers would become infinite.
    return np.where(np.isfinite(values) & np.isfinite(rounded), rounded, values)
