"""One parquet file of a sweep's scores: made from the shards, read, and joined to architectures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from predictors.arch import ArchBatch, ArchGraph, Ragged
from proxybench.compute.shards import Work
from proxybench.compute.texts import OnUse
from proxybench.errors import CorruptData, ProxybenchError
from proxybench.files import replacing
from proxybench.spaces import SearchSpace, get_space
from proxybench.tables.columns import open_parquet
from proxybench.tables.json_text import parse_json

if TYPE_CHECKING:
    import pandas as pd

NODE_BITS = 11
SECONDS_BITS = 10  # of the mantissa: a clock is no better than a thousandth
ROW_GROUP = 16_384  # rows of the file that are in memory at once while it is written
_SWEEP = b"proxybench:compute"
NODES = "nodes:"


@dataclass(frozen=True, eq=False)
class SweepScores:
    """The scores of a sweep, one row for each digest of the space.

    Attributes:
        space: its name.
        setting: what was computed, with proxies' versions, the images' description and digest, torch's version.
        digests: of the space, sorted; row order of all else.
        archs: the architecture of each digest that was computed, as text.
        scores: columns `proxy:NAME`, float64; NaN where there is no answer.
        nodes: `nodes:NAME` to one float64 array for each row, the value of each of the network's operations.
        seconds: columns `seconds`, of all, and `seconds:NAME`, of a pass, or of a proxy without what it shares.
        unanswered: for each row, proxy to the reason of its NaN.
        errors: for each row, why it has no scores at all; empty where it has.
    """

    space: str
    setting: Mapping[str, Any]
    digests: Sequence[str]
    archs: Sequence[str]
    scores: pd.DataFrame
    nodes: Mapping[str, Ragged]
    seconds: pd.DataFrame
    unanswered: Sequence[Mapping[str, str]]
    errors: Sequence[str]

    def join(
        self,
        archs: ArchBatch | Sequence[ArchGraph],
        space: SearchSpace | None = None,
        digests: Sequence[str] | None = None,
    ) -> ArchBatch:
        """The architectures with these scores beside the columns and node arrays that they have.

        Architectures of one digest share the values, node values included: those stand in the order of the operations
        of the one that was computed. One that is not here gets NaN and empty node arrays.

        Args:
            archs: of the space.
            space: where it is not the one registered by the name.
            digests: `space.digest` of each, where known.

        Raises:
            InvalidArchitecture: for an architecture of another space.
        """
        space = get_space(self.space) if space is None else space
        if digests is None:
            graphs = list(archs)
            for arch in graphs:
                space.require(arch)
            digests = space.digests(graphs)
        places = {digest: row for row, digest in enumerate(self.digests)}
        rows = np.array([places.get(digest, -1) for digest in digests], dtype=np.int64)
        columns = {str(name): _or_nan(values.to_numpy(), rows) for name, values in self.scores.items()}
        nodes = {name: _or_empty(values, rows) for name, values in self.nodes.items()}
        if isinstance(archs, ArchBatch):
            return archs.extended(columns, nodes)
        return ArchBatch(archs, columns, nodes)

    def batch(self) -> ArchBatch:
        """All architectures that are here, in the order of `digests`; each is parsed when it is asked for."""
        columns = {str(name): values.to_numpy(np.float64) for name, values in self.scores.items()}
        return ArchBatch(
            OnUse(pa.chunked_array([pa.array(self.archs)]), get_space(self.space).parse), columns, self.nodes
        )


def merge(work: Work, path: Path, *, node_bits: int = NODE_BITS, partial: bool = False) -> int:
    """Write the results of a sweep to one parquet file, by digest; the number of rows.

    The file's metadata hold the setting. The same results give the same bytes but for the seconds.

    Args:
        work: of a sweep.
        path: of the file, which is replaced in one step.
        node_bits: bits of the mantissa (of 52) that node values keep; scores are kept in full, seconds to a thousandth.
        partial: write what is there, though chunks are missing.

    Raises:
        ProxybenchError: when chunks are missing and not `partial`, or nothing is there.
        CorruptData: for a damaged shard.
    """
    whole = work.require_done(partial=partial)
    groups = _row_groups(_by_digest(work), node_bits)
    first = next(groups)
    about = {"setting": work.plan["setting"], "sweep": work.digest, "node bits": node_bits, "missing": not whole}
    schema = first.schema.with_metadata({_SWEEP: json.dumps(about).encode()})
    # Byte planes apart: the lowest are zero after rounding, and cost nothing.
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
        for group in chain([first], groups):
            writer.write_table(group.replace_schema_metadata(schema.metadata))
            rows += group.num_rows
    return rows


def _by_digest(work: Work) -> Iterator[pa.Table]:
    """What the shards hold, in the order of the digests, with the columns of all; a shard at a time if they lie so."""
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


def read_scores(path: Path | str) -> SweepScores:
    """The scores that `merge` wrote.

    Raises:
        FileNotFoundError: when there is no such file.
        CorruptData: for a file that is no such table.
    """
    with reading_scores(path) as file:
        table = file.read()
        nodes = {name: _ragged(table.column(name)) for name in table.column_names if name.startswith(NODES)}
        return scores_of(table, file.schema_arrow, nodes, list)


@contextmanager
def reading_scores(path: Path | str) -> Iterator[pq.ParquetFile]:
    """The file that `merge` wrote; what goes wrong inside is raised as `read_scores` says."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; make it with: proxybench compute --merge {path} --output FOLDER")
    try:
        with open_parquet(path, buffer_size=2**20) as file:
            yield file
    except ProxybenchError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise CorruptData(f"{path} is no table of scores ({error}); merge the sweep again") from error


def scores_of(
    table: pa.Table,
    schema: pa.Schema,
    nodes: Mapping[str, Ragged],
    texts: Callable[[OnUse[Any]], Sequence[Any]],
) -> SweepScores:
    """The scores of a table.

    Args:
        table: at least the columns without node arrays.
        schema: of the file, whose metadata hold the setting.
        nodes: the arrays.
        texts: how columns of texts are kept: `list`, or as they are.
    """
    setting = parse_json(schema.metadata[_SWEEP])["setting"]
    numbers = [name for name in table.column_names if name.startswith(("proxy:", "seconds"))]
    frame = table.select(numbers).to_pandas()
    return SweepScores(
        space=setting["space"],
        setting=setting,
        digests=texts(OnUse(table.column("digest"), str)),
        archs=texts(OnUse(table.column("arch"), str)),
        scores=frame[[name for name in frame.columns if name.startswith("proxy:")]],
        nodes=nodes,
        seconds=frame[[name for name in frame.columns if name.startswith("seconds")]],
        unanswered=texts(OnUse(table.column("unanswered"), json.loads)),
        errors=texts(OnUse(table.column("error"), str)),
    )


def _rounded(column: pa.ChunkedArray, bits: int) -> tuple[pa.Array, pa.Array]:
    """Offsets and values of a column of lists, the values to the nearest number of `bits` bits of mantissa."""
    ragged = _ragged(column)
    return pa.array(ragged.offsets.astype(np.int32)), pa.array(round_mantissa(ragged.values, bits))


def round_mantissa(values: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """The nearest float64 of `bits` (0 to 52) bits of mantissa, ties away from zero; NaN and infinities stay.

    The relative error is at most 2 ** -(bits + 1).
    """
    if not 0 <= bits <= 52:
        raise ValueError(f"a float64 has 52 bits of mantissa; asked to keep {bits}")
    values = np.ascontiguousarray(values, dtype=np.float64)
    if bits == 52:
        return values
    dropped = 52 - bits
    raw = values.view(np.uint64) + np.uint64(1 << (dropped - 1))
    rounded = (raw >> np.uint64(dropped) << np.uint64(dropped)).view(np.float64)
    # The largest numbers would become infinite.
    return np.where(np.isfinite(values) & np.isfinite(rounded), rounded, values)


def _ragged(column: pa.ChunkedArray) -> Ragged:
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], column.type)
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return Ragged(lists.flatten().to_numpy(zero_copy_only=False), np.concatenate([[0], np.cumsum(lengths)]))


def _or_nan(values: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.append(values.astype(np.float64), np.nan)[rows]


def _or_empty(values: Ragged, rows: NDArray[np.int64]) -> Ragged:
    return values.with_empty_row().take(np.where(rows < 0, len(values), rows))
