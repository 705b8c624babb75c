"""The parquet file of a sweep's scores, read and joined to architectures; `proxybench.sweeps.merge` writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from predictors.arch import ArchBatch, ArchGraph, Ragged
from proxybench.errors import CorruptData, ProxybenchError
from proxybench.readers.columns import open_parquet
from proxybench.readers.json_text import parse_json
from proxybench.readers.texts import Texts
from proxybench.spaces import SearchSpace, get_space

if TYPE_CHECKING:
    import pandas as pd

SWEEP = b"proxybench:compute"
NODES = "nodes:"


@dataclass(frozen=True, eq=False)
class SweepScores:
    """The scores of a sweep, one row per digest of the space.

    Attributes:
        space: its name.
        setting: what was computed, with proxies' versions, the images' description and digest, torch's version.
        digests: digests in the space, sorted; the row order of everything else.
        archs: the architecture computed for each digest, as text.
        scores: columns `proxy:NAME`, float64; NaN if there is no answer.
        nodes: by `nodes:NAME`, one float64 array per row with the value of each of the network's operations.
        seconds: columns `seconds`, the total, and `seconds:NAME`, of a pass, or of a proxy without shared passes.
        unanswered: for each row, the reason of each NaN by proxy.
        errors: for each row, why it has no scores at all; otherwise empty.
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
        """The architectures with these scores in addition to their own columns and node arrays.

        Architectures with one digest share the values, including node values, which are in the order of the operations
        of the architecture computed. Missing architectures get NaN and empty node arrays.

        Args:
            archs: architectures of the space.
            space: the space, if it is not the one registered under its name.
            digests: `space.digest` of each, if known.

        Raises:
            InvalidArchitecture: if an architecture belongs to another space.
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
        """All architectures with scores, in the order of `digests`; each is parsed on access."""
        columns = {str(name): values.to_numpy(np.float64) for name, values in self.scores.items()}
        return ArchBatch(
            Texts(pa.chunked_array([pa.array(self.archs)]), get_space(self.space).parse), columns, self.nodes
        )


def read_scores(path: Path | str) -> SweepScores:
    """The scores that `merge` wrote.

    Raises:
        FileNotFoundError: if the file does not exist.
        CorruptData: if the file is not a table of scores.
    """
    with reading_scores(path) as file:
        table = file.read()
        nodes = {name: ragged_of(table.column(name)) for name in table.column_names if name.startswith(NODES)}
        return scores_of(table, file.schema_arrow, nodes, list)


@contextmanager
def reading_scores(path: Path | str) -> Iterator[pq.ParquetFile]:
    """The file that `merge` wrote; errors inside the block are raised as in `read_scores`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; create it: proxybench compute --merge {path} --output FOLDER")
    try:
        with open_parquet(path, buffer_size=2**20) as file:
            yield file
    except ProxybenchError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise CorruptData(f"{path} is not a table of scores ({error}); merge the sweep again") from error


def scores_of(
    table: pa.Table,
    schema: pa.Schema,
    nodes: Mapping[str, Ragged],
    texts: Callable[[Texts[Any]], Sequence[Any]],
) -> SweepScores:
    """The scores of a table.

    Args:
        table: at least the columns without node arrays.
        schema: schema of the file; its metadata holds the setting.
        nodes: the node arrays.
        texts: how to keep text columns: `list`, or unchanged.
    """
    setting = parse_json(schema.metadata[SWEEP])["setting"]
    numbers = [name for name in table.column_names if name.startswith(("proxy:", "seconds"))]
    frame = table.select(numbers).to_pandas()
    return SweepScores(
        space=setting["space"],
        setting=setting,
        digests=texts(Texts(table.column("digest"), str)),
        archs=texts(Texts(table.column("arch"), str)),
        scores=frame[[name for name in frame.columns if name.startswith("proxy:")]],
        nodes=nodes,
        seconds=frame[[name for name in frame.columns if name.startswith("seconds")]],
        unanswered=texts(Texts(table.column("unanswered"), json.loads)),
        errors=texts(Texts(table.column("error"), str)),
    )


def ragged_of(column: pa.ChunkedArray) -> Ragged:
    """A column of lists as rows of different lengths; null is an empty row."""
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], column.type)
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return Ragged(lists.flatten().to_numpy(zero_copy_only=False), np.concatenate([[0], np.cumsum(lengths)]))


def _or_nan(values: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.append(values.astype(np.float64), np.nan)[rows]


def _or_empty(values: Ragged, rows: NDArray[np.int64]) -> Ragged:
    return values.with_empty_row().take(np.where(rows < 0, len(values), rows))
