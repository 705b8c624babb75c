"""The table of a sweep with per-node arrays left on disk, for tables larger than memory.

Parquet cannot be memory-mapped: its values are compressed. On first use of a table each node array is unpacked, a part
at a time, to a `.npy` file in the cache, in `mapped/NAME-DIGEST/`; the folder is created atomically.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from predictors.arch import Ragged
from predictors.mapped import MappedFile, MappedRagged
from proxybench.cache_folder import cache_dir
from proxybench.errors import CorruptData
from proxybench.readers.arrays import parse_npy
from proxybench.readers.json_text import parse_json
from proxybench.readers.untrusted import read_bytes
from proxybench.scores.score_file import NODES, SweepScores, reading_scores, scores_of
from proxybench.sweeps.npy import write_npy
from proxybench.tables.sources.cache import explain_write_failure, locked

ROWS = 4096  # rows of a table unpacked at once
_ABOUT = "nodes.json"


def map_scores(path: Path | str) -> SweepScores:
    """The scores that `merge` wrote, their node arrays mapped from the cache instead of loaded.

    Like `read_scores`, but each of `nodes` is a MappedRagged, and texts are read on access. `batch()` and `join`
    keep the arrays mapped; a part `batch[i:j]` has its own in memory. The cache holds 8 bytes per value. A table
    that has changed is unpacked again, and its previous files are removed.

    Raises:
        FileNotFoundError: if the file does not exist.
        CorruptData: if the file is not a table of scores, or the folder in the cache is damaged.
        FetchFailed: if the cache cannot be written to, or the disk is full.
    """
    path = Path(path).absolute()
    with reading_scores(path) as file:
        flat = [name for name in file.schema_arrow.names if not name.startswith(NODES)]
        rows = file.read(columns=flat)
        folder = _unpacked(path, file)
        nodes = _open(folder, file.metadata.num_rows)
        return scores_of(rows, file.schema_arrow, nodes, lambda column: column)


def _unpacked(path: Path, file: pq.ParquetFile) -> Path:
    """The folder of the node arrays of a table, created if missing."""
    of_path = hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
    home = cache_dir() / "mapped" / f"{path.stem}-{of_path}"
    folder = home / _identity(path)
    if not folder.exists():
        with explain_write_failure(home.parent):
            home.mkdir(parents=True, exist_ok=True)
            with locked(home, lambda: False):
                if not folder.exists():
                    _unpack(file, home, folder)
    return folder


def _identity(path: Path) -> str:
    """Size, time and the digest of the table's footer, where parquet keeps sizes and positions of all columns."""
    status = path.stat()
    with path.open("rb") as stream:
        stream.seek(-8, os.SEEK_END)
        length = int.from_bytes(stream.read(4), "little") + 8
        stream.seek(-length, os.SEEK_END)
        hashed = hashlib.blake2b(stream.read(), digest_size=12)
    hashed.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return hashed.hexdigest()


def _unpack(file: pq.ParquetFile, home: Path, folder: Path) -> None:
    """Write the node arrays; then remove those of an older table, and leftovers of killed processes."""
    temporary = home / f".{folder.name}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        arrays: dict[str, dict[str, str]] = {}
        known: dict[bytes, str] = {}
        for name in (name for name in file.schema_arrow.names if name.startswith(NODES)):
            values, offsets = f"values{len(arrays)}.npy", f"offsets{len(known)}.npy"
            lengths: list[NDArray[np.int64]] = []
            write_npy(temporary / values, _pieces(file, name, lengths))
            bounds = np.concatenate([[0], np.cumsum(np.concatenate(lengths or [np.empty(0, np.int64)]))])
            kept = known.setdefault(hashlib.blake2b(bounds.tobytes()).digest(), offsets)
            if kept == offsets:  # arrays of the same networks mostly have the same lengths
                np.save(temporary / offsets, bounds)
            arrays[name] = {"values": values, "offsets": kept}
        (temporary / _ABOUT).write_text(json.dumps(arrays, indent=1))
        for written in temporary.iterdir():
            with written.open("rb+") as stream:
                os.fsync(stream.fileno())
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for other in home.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def _pieces(file: pq.ParquetFile, name: str, lengths: list[NDArray[np.int64]]) -> Iterator[NDArray[np.float64]]:
    """The values of a node array, some rows at a time; appends the lengths of the rows to `lengths`."""
    for batch in file.iter_batches(batch_size=ROWS, columns=[name]):
        rows = batch.column(0)
        lengths.append(rows.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64))
        yield rows.flatten().to_numpy(zero_copy_only=False)


def _open(folder: Path, rows: int) -> Mapping[str, Ragged]:
    """The node arrays of a folder. Raises CorruptData if they do not belong to a table with `rows` rows."""
    places: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    nodes: dict[str, Ragged] = {}
    try:
        for name, files in parse_json(read_bytes(folder / _ABOUT)).items():
            if files["offsets"] not in places:
                bounds = parse_npy(read_bytes(folder / files["offsets"]))
                places[files["offsets"]] = (bounds[:-1], np.diff(bounds))
            file = MappedFile(folder / files["values"])
            nodes[name] = MappedRagged(file, *places[files["offsets"]])
            if (len(nodes[name]), places[files["offsets"]][1].sum()) != (rows, len(file.array)):
                raise ValueError(f"{name} does not have the values of {rows} architectures")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptData(f"{folder} is damaged ({error}); remove it, and it will be rebuilt") from error
    return nodes
