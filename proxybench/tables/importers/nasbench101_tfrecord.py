"""The official NAS-Bench-101 files: `nasbench_only108.tfrecord` and `nasbench_full.tfrecord`.

Each record is one training: [hash, epochs, adjacency, operations, base64 of ModelMetrics] as JSON. Its graph must
have its hash. The repeats of a cell and an epoch budget are numbered "0", "1", "2" in the order of the file. Only
the end of a training is kept: the half-way evaluation of a 108-epoch schedule is not a training of 54 epochs.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np

from proxybench.errors import CorruptData, InvalidArchitecture
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.nasbench101_cells import CELLS, packed, packed_hashes, prefixes_of, shipped_cells
from proxybench.tables.importers.model_metrics import Training, decode_training
from proxybench.tables.importers.tfrecord import read_batches
from proxybench.tables.store.schema import Fragment

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

DATASET = "cifar10"
REPEATS = 3

_Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
_DECODER = msgspec.json.Decoder(tuple[_Hash, Literal[4, 12, 36, 108], str, str, str])


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """All trainings of the files: train, validation and test accuracy in percent, seconds, and parameter counts.

    In addition to the returned table, it needs 48 bytes of memory per record.

    Raises:
        CorruptData: with the byte offset of the first record that is damaged, has a graph that does not match its
            hash, or contradicts an earlier record.
    """
    trainings = _Trainings(space)
    for path in paths:
        for offsets, records in read_batches(path):
            trainings.add(path, offsets, records)
    return trainings.fragment()


class _Trainings:
    """The content of the records read so far, and the cells that occurred in them."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.cells = shipped_cells()
        self.graph_of: dict[str, int] = {}
        self.code_of: dict[str, tuple[int, int]] = {}
        self.seen_graphs = np.zeros(CELLS, dtype=np.int64)
        self.seen_codes = np.zeros(CELLS, dtype=np.int64)
        self.seen_hashes = np.zeros((CELLS, 16), dtype=np.uint8)
        self.parameters = np.full(CELLS, -1, dtype=np.int64)
        self.rows: list[NDArray[np.int32]] = []
        self.epochs: list[NDArray[np.int32]] = []
        self.values: list[NDArray[np.float64]] = []

    def add(self, path: Path, offsets: list[int], records: list[bytes]) -> None:
        """Add one batch of records."""
        digests, epochs, graphs, codes, trainings = [], [], [], [], []
        for offset, record in zip(offsets, records, strict=True):
            try:
                digest, budget, adjacency, operations, metrics = _DECODER.decode(record)
                graph, code = self._packed(adjacency, operations)
                training = decode_training(binascii.a2b_base64(metrics.replace("\n", ""), strict_mode=True))
            except (msgspec.MsgspecError, InvalidArchitecture, ValueError) as error:
                raise _corrupt(path, offset, str(error)) from error
            digests.append(digest)
            epochs.append(budget)
            graphs.append(graph)
            codes.append(code)
            trainings.append(training)
        self._store(path, offsets, digests, np.array(graphs), np.array(codes), np.array(epochs), trainings)

    def _packed(self, adjacency: str, operations: str) -> tuple[int, int]:
        """The two numbers of the pruned cell; fast if matrix and operations occurred before, not pruned."""
        graph = self.graph_of.get(adjacency, -1)
        vertices, code = self.code_of.get(operations, (0, 0))
        if graph < 0 or len(adjacency) != vertices * vertices:
            arch = self.space.parse(f"{adjacency}:{operations}")
            graph, code = packed(arch.ops, arch.edges)
            if len(adjacency) == len(arch) ** 2:
                self.graph_of[adjacency] = graph
                self.code_of[operations] = len(arch), code
        return graph, code

    def _store(
        self,
        path: Path,
        offsets: list[int],
        digests: list[str],
        graphs: NDArray[np.int64],
        codes: NDArray[np.int64],
        epochs: NDArray[np.int64],
        trainings: list[Training],
    ) -> None:
        hashes = np.frombuffer(bytes.fromhex("".join(digests)), dtype=np.uint8).reshape(-1, 16)
        rows = np.minimum(np.searchsorted(self.cells.prefixes, prefixes_of(hashes)), CELLS - 1)
        _refuse(
            path,
            offsets,
            ~self._match_hashes(rows, hashes, graphs, codes),
            "its graph does not have the hash that the record gives",
        )
        values = np.array(trainings, dtype=np.float64)
        _refuse(path, offsets, abs(values[:, 0] - epochs) > 1, "its last evaluation is not at the end of the training")
        accuracies = values[:, 2:5]
        _refuse(path, offsets, np.any((accuracies < 0) | (accuracies > 1), axis=1), "an accuracy is not within 0 and 1")
        counts = values[:, 5].astype(np.int64)
        unknown = self.parameters[rows] < 0
        self.parameters[rows[unknown]] = counts[unknown]
        _refuse(path, offsets, self.parameters[rows] != counts, "another parameter count than in an earlier record")
        self.rows.append(rows.astype(np.int32))
        self.epochs.append(epochs.astype(np.int32))
        self.values.append(values[:, 1:5])

    def _match_hashes(
        self, rows: NDArray[np.int64], hashes: NDArray[np.uint8], graphs: NDArray[np.int64], codes: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether each graph has the hash of its record; computed once for the repeats of a cell."""
        right: NDArray[np.bool_] = (
            (self.seen_graphs[rows] == graphs)
            & (self.seen_codes[rows] == codes)
            & (self.seen_hashes[rows] == hashes).all(axis=1)
        )
        new = np.flatnonzero(~right)
        if len(new):
            cells, cell_of = np.unique(graphs[new] << 8 | codes[new], return_inverse=True)
            computed = packed_hashes(cells >> 8, cells & 255)[cell_of.ravel()]
            right[new] = (computed == hashes[new]).all(axis=1)
            new = new[right[new]]
            self.seen_graphs[rows[new]], self.seen_codes[rows[new]] = graphs[new], codes[new]
            self.seen_hashes[rows[new]] = hashes[new]
        return right

    def fragment(self) -> Fragment:
        """The table of all records, by cell, epochs and repeat."""
        import pyarrow as pa

        rows = np.concatenate([*self.rows, np.empty(0, dtype=np.int32)])
        epochs = np.concatenate([*self.epochs, np.empty(0, dtype=np.int32)])
        values = np.concatenate([*self.values, np.empty((0, 4))])
        keys = rows.astype(np.int64) * 1000 + epochs
        order = np.argsort(keys, kind="stable")
        repeats = _positions_within_runs(keys[order])
        if repeats.max(initial=0) >= REPEATS:
            row = int(rows[order][repeats >= REPEATS][0])
            raise CorruptData(f"more than {REPEATS} repeats of one epoch budget for the cell {self.cells.text(row)}")
        columns = {
            "epochs": pa.array(epochs[order]),
            "seed": pa.array([str(repeat) for repeat in range(REPEATS)]).take(pa.array(repeats)),
            "train_acc": pa.array(100 * values[order, 1]),
            "val_acc": pa.array(100 * values[order, 2]),
            "test_acc": pa.array(100 * values[order, 3]),
            "train_s": pa.array(values[order, 0]),
        }
        named = np.flatnonzero(self.parameters >= 0)
        untrained = {
            "epochs": pa.array(np.zeros(len(named), dtype=np.int32)),
            "seed": pa.array([""] * len(named), type=pa.string()),
            "params": pa.array(self.parameters[named].astype(np.float64)),
        }
        texts = pa.array([self.cells.text(row) for row in named.tolist()], type=pa.string())
        trained_texts = texts.take(pa.array(np.searchsorted(named, rows[order])))
        parts = list(_with_keys((trained_texts, columns), (texts, untrained)))
        table = pa.concat_tables(parts, promote_options="default").combine_chunks()
        return Fragment(table, tuple(_incomplete(keys[order], repeats)))


def _with_keys(*parts: tuple[pa.Array, dict[str, pa.Array]]) -> Iterator[pa.Table]:
    import pyarrow as pa

    for texts, columns in parts:
        datasets = pa.array([DATASET]).take(pa.array(np.zeros(len(texts), dtype=np.int32)))
        yield pa.table({"arch": texts, "dataset": datasets, **columns})


def _positions_within_runs(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2, ... within each run of equal keys."""
    positions = np.arange(len(keys))
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    return positions - np.repeat(starts, np.diff(starts, append=len(keys)))


def _incomplete(keys: NDArray[np.int64], repeats: NDArray[np.int64]) -> Iterator[str]:
    groups = len(np.unique(keys))
    missing = groups * REPEATS - len(repeats)
    if missing:
        yield f"{missing} repeats are missing: not every cell has {REPEATS} trainings of each epoch budget."


def _refuse(path: Path, offsets: list[int], wrong: NDArray[np.bool_], reason: str) -> None:
    """Raise CorruptData for the first record that is wrong."""
    if wrong.any():
        raise _corrupt(path, offsets[int(wrong.argmax())], reason)


def _corrupt(path: Path, offset: int, reason: str) -> CorruptData:
    return CorruptData(f"{path}: the record at byte {offset}: {reason[:200]}")
