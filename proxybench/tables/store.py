"""Tables on disk: two parquet files and a card in a folder of their own, found through one JSON pointer.

    <cache>/tables/nasbench201.json                    what the table holds, and which folder is current
    <cache>/tables/nasbench201-1f0c.../archs.parquet   arch, digest: one row per architecture, in index order
    <cache>/tables/nasbench201-1f0c.../values.parquet  arch_id, dataset, epochs, seed, metrics
    <cache>/tables/nasbench201-1f0c.../card.md

`values.parquet` has one row group per (dataset, epochs, seed), each with one row per architecture in index order,
so a block is read without looking at any other. The pointer is replaced atomically after the folder is complete:
whoever reads meanwhile sees the old table or the new one, never a mixture.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from proxybench.cache_folder import cache_dir
from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.tables.cache import atomic_path, explain_write_failure, sha256_of
from proxybench.tables.merge import BlockKey, MergedTable

FORMAT = 1


class BlockInfo(msgspec.Struct, frozen=True):
    """One row group: its key, and for each metric how many architectures have a value and how many of those NaN."""

    dataset: str
    epochs: int
    seed: str
    measured: dict[str, int]
    not_finite: dict[str, int]

    @property
    def key(self) -> BlockKey:
        return BlockKey(self.dataset, self.epochs, self.seed)


class TableInfo(msgspec.Struct, frozen=True):
    """The pointer: which folder holds the table, and what is in it.

    Attributes:
        recipe: digest of the sources and importers that made the table; equal recipes give equal tables.
        sha256: of each file in the folder.
    """

    format: int
    name: str
    space: str
    folder: str
    recipe: str
    architectures: int
    blocks: tuple[BlockInfo, ...]
    sha256: dict[str, str]


class StoredTable:
    """A table opened for reading; blocks are read from disk when asked for.

    Raises:
        CorruptData: when a file is damaged or missing; the message says how to rebuild the table.
    """

    def __init__(self, info: TableInfo, folder: Path) -> None:
        self.info = info
        self.folder = folder
        self._row_groups = {block.key: number for number, block in enumerate(info.blocks)}

    @cached_property
    def archs(self) -> list[str]:
        """Architecture texts in index order."""
        return self._archs[0]

    @cached_property
    def digests(self) -> list[str]:
        """The space's digest of each architecture, in index order."""
        return self._archs[1]

    @cached_property
    def _archs(self) -> tuple[list[str], list[str]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(self.folder / "archs.parquet")
            return table.column("arch").to_pylist(), table.column("digest").to_pylist()
        except (OSError, pa.ArrowException, KeyError) as error:
            raise self._damaged("archs.parquet", error) from error

    @property
    def card(self) -> str:
        """The table's card: population, split, target, provenance, licence, citation. Markdown."""
        return (self.folder / "card.md").read_text(encoding="utf-8")

    def column(self, key: BlockKey, metric: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Values (NaN where null) and whether each was measured, one entry per architecture."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.folder / "values.parquet") as file:
                group = file.read_row_group(self._row_groups[key], columns=[metric], use_threads=False)
            column = group.column(metric).combine_chunks()
            measured = column.is_valid().to_numpy(zero_copy_only=False)
            values = column.to_numpy(zero_copy_only=False)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise self._damaged("values.parquet", error) from error
        if len(values) != self.info.architectures:
            raise self._damaged("values.parquet", f"{len(values)} rows in block {key}")
        return values, measured

    def damage(self) -> list[str]:
        """The names of files that are missing or whose SHA-256 differs from the pointer's."""
        return [
            name
            for name, expected in self.info.sha256.items()
            if not (self.folder / name).is_file() or sha256_of(self.folder / name) != expected
        ]

    def _damaged(self, file: str, error: object) -> CorruptData:
        return CorruptData(
            f"table {self.info.name}: {self.folder / file} is damaged ({error}); "
            f"run: proxybench fetch --rebuild {self.info.name}"
        )


def tables_dir() -> Path:
    """Where tables lie; not created until one is written."""
    return cache_dir() / "tables"


def stored_names() -> list[str]:
    """Names of all tables on this machine, sorted."""
    folder = tables_dir()
    return sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []


def read_info(name: str) -> TableInfo | None:
    """The pointer of a table; None when there is no such table. Raises CorruptData when it cannot be read."""
    pointer = tables_dir() / f"{name}.json"
    try:
        info = msgspec.json.decode(pointer.read_bytes(), type=TableInfo)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except msgspec.MsgspecError as error:
        raise CorruptData(f"{pointer} is damaged ({error}); run: proxybench fetch --rebuild {name}") from error
    return info if info.format == FORMAT else None


def open_table(name: str) -> StoredTable:
    """Open a table. Raises DataNotAvailable naming the command that gets it."""
    info = read_info(name)
    if info is None:
        raise DataNotAvailable(f"table {name} is not here; run: proxybench fetch {name}")
    return StoredTable(info, tables_dir() / info.folder)


def write_table(
    name: str, space: str, recipe: str, table: MergedTable, digests: Sequence[str], card: str
) -> StoredTable:
    """Write a table and make it the current one of its name.

    Raises:
        FetchFailed: when the cache cannot be written (read-only, disk full); the table of before stays.
    """
    root = tables_dir()
    with explain_write_failure(root):
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root))
        try:
            _write_archs(folder / "archs.parquet", table.archs, digests)
            blocks = _write_values(folder / "values.parquet", table)
            (folder / "card.md").write_text(card, encoding="utf-8")
            info = TableInfo(
                format=FORMAT,
                name=name,
                space=space,
                folder=folder.name,
                recipe=recipe,
                architectures=len(table.archs),
                blocks=blocks,
                sha256={path.name: sha256_of(path) for path in sorted(folder.iterdir())},
            )
            previous = _readable_info(name)
            with atomic_path(root / f"{name}.json") as path:
                path.write_bytes(msgspec.json.format(msgspec.json.encode(info), indent=1))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    if previous is not None:
        shutil.rmtree(root / previous.folder, ignore_errors=True)
    return StoredTable(info, folder)


def _readable_info(name: str) -> TableInfo | None:
    try:
        return read_info(name)
    except CorruptData:
        return None


def _write_archs(path: Path, archs: Sequence[str], digests: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"arch": list(archs), "digest": list(digests)}), path, compression="zstd")
    _sync(path)


def _write_values(path: Path, table: MergedTable) -> tuple[BlockInfo, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    metrics = sorted({metric for block in table.blocks.values() for metric in block})
    keys = [("arch_id", pa.int32()), ("dataset", pa.string()), ("epochs", pa.int32()), ("seed", pa.string())]
    schema = pa.schema(keys + [(metric, pa.float64()) for metric in metrics])
    n = len(table.archs)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for key, block in table.blocks.items():
            arrays = [
                pa.array(np.arange(n, dtype=np.int32)),
                pa.repeat(key.dataset, n),
                pa.repeat(pa.scalar(key.epochs, pa.int32()), n),
                pa.repeat(key.seed, n),
                *(
                    pa.array(block[metric].values, mask=~block[metric].measured)
                    if metric in block
                    else pa.nulls(n, pa.float64())
                    for metric in metrics
                ),
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=max(n, 1))
    _sync(path)
    return block_infos(table)


def block_infos(table: MergedTable) -> tuple[BlockInfo, ...]:
    """What the blocks of a table hold, in their order."""
    return tuple(
        BlockInfo(
            *key,
            measured={metric: int(column.measured.sum()) for metric, column in sorted(block.items())},
            not_finite={
                metric: count
                for metric, column in sorted(block.items())
                if (count := int((column.measured & ~np.isfinite(column.values)).sum()))
            },
        )
        for key, block in table.blocks.items()
    )


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
