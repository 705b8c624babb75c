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
from proxybench.scores.texts import OnUse
from proxybench.spaces import SearchSpace, get_space

if TYPE_CHECKING:
    import pandas as pd

SWEEP = b"proxybench:compute"
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


def read_scores(path: Path | str) -> SweepScores:
    """The scores that `merge` wrote.

    Raises:
        FileNotFoundError: when there is no such file.
        CorruptData: for a file that is no such table.
    """
    with reading_scores(path) as file:
        table = file.read()
        nodes = {name: ragged_of(table.column(name)) for name in table.column_names if name.startswith(NODES)}
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
    setting = parse_json(schema.metadata[SWEEP])["setting"]
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


def ragged_of(column: pa.ChunkedArray) -> Ragged:
    """A column of lists as rows of different lengths; null is a row of none."""
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], column.type)
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return Ragged(lists.flatten().to_numpy(zero_copy_only=False), np.concatenate([[0], np.cumsum(lengths)]))


def _or_nan(values: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.append(values.astype(np.float64), np.nan)[rows]


def _or_empty(values: Ragged, rows: NDArray[np.int64]) -> Ragged:
    return values.with_empty_row().take(np.where(rows < 0, len(values), rows))
