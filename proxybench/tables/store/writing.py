"""Tables written to disk: two parquet files and a card in a separate folder, found through a JSON pointer.

    <cache>/tables/nasbench201.json                    content of the table, and its current folder
    <cache>/tables/nasbench201-1f0c.../archs.parquet   arch, digest: one row per architecture, in index order
    <cache>/tables/nasbench201-1f0c.../values.parquet  arch_id, dataset, epochs, seed, metrics
    <cache>/tables/nasbench201-1f0c.../card.md

`values.parquet` has one row group per (dataset, epochs, seed), each with one row per architecture in index order, so a
block is read without reading any other. The pointer is replaced atomically after the folder is complete: readers see
the old table or the new one, never a mixture. Writers of a table take turns (`<cache>/tables/nasbench201.lock`), so a
folder not named by the pointer while the lock is held was left by a killed writer, and is removed.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from proxybench.errors import CorruptData
from proxybench.files import is_old
from proxybench.tables.sources.cache import atomic_path, explain_write_failure, locked, sha256_of
from proxybench.tables.store.merge import MergedTable
from proxybench.tables.store.places import own_dir, tables_dir
from proxybench.tables.store.pointer import (
    FORMAT,
    BlockInfo,
    Edition,
    TableInfo,
    encode_pointer,
    folder_pattern,
    read_pointer,
)
from proxybench.tables.store.stored import StoredTable

_OWN_FOLDER = re.compile(r"-[0-9a-f]{16}$")


def write_table(
    name: str,
    space: str,
    recipe: str,
    table: MergedTable,
    digests: Sequence[str],
    card: str,
    root: Path | None = None,
    earlier: Sequence[Edition] = (),
) -> StoredTable:
    """Write a table and make it the current one with its name.

    Args:
        name: name of the table.
        space: key of its search space.
        recipe: digest of everything that determines its content.
        table: the content.
        digests: the space's digest of each architecture.
        card: the card, in markdown.
        root: folder for the table; `tables_dir()` by default.
        earlier: the editions before this one, the first first.

    Raises:
        FetchFailed: if the cache cannot be written (read-only, disk full); the previous table is kept.
    """
    root = tables_dir() if root is None else root
    with explain_write_failure(root):
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / name, lambda: False):
            folder = root / f"{name}-{secrets.token_hex(8)}"
            folder.mkdir()
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
                    earlier=tuple(earlier),
                )
                previous = _readable_info(root, name)
                with atomic_path(root / f"{name}.json") as path:
                    path.write_bytes(encode_pointer(info))
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            _remove_others(root, name, folder.name, previous.folder if previous else "")
    return StoredTable(info, folder)


def remove_own(name: str) -> None:
    """Remove one of the user's own tables: first its pointer, then its folder.

    Raises:
        FetchFailed: if the cache cannot be written.
    """
    root = own_dir()
    with explain_write_failure(root), locked(root / name, lambda: False):
        (root / f"{name}.json").unlink(missing_ok=True)
        _remove_others(root, name, "", "")


def _remove_others(root: Path, name: str, current: str, previous: str) -> None:
    """Remove the folder of the previous table and those left by killed writers; links are not followed.

    Called while the table's lock is held, so nobody is writing a folder named by this version. Earlier versions held
    no lock, so their folders are removed only when they are a day old.
    """
    ours = folder_pattern(name)
    with os.scandir(root) as entries:
        others = [entry for entry in entries if ours.fullmatch(entry.name) and entry.name != current]
    for entry in others:
        path = root / entry.name
        with suppress(OSError):
            if entry.is_symlink():
                path.unlink()
            elif entry.name == previous or _OWN_FOLDER.search(entry.name) or is_old(path):
                shutil.rmtree(path)


def _readable_info(root: Path, name: str) -> TableInfo | None:
    try:
        return read_pointer(root / f"{name}.json", name)
    except CorruptData:
        return None


def _write_archs(path: Path, archs: Sequence[str], digests: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"arch": list(archs), "digest": list(digests)})
    # No text occurs twice, so a dictionary of them would only take time.
    pq.write_table(table, path, compression="zstd", write_page_checksum=True, use_dictionary=False)
    _sync(path)


def _write_values(path: Path, table: MergedTable) -> tuple[BlockInfo, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    metrics = sorted({metric for block in table.blocks.values() for metric in block})
    keys = [("arch_id", pa.int32()), ("dataset", pa.string()), ("epochs", pa.int32()), ("seed", pa.string())]
    schema = pa.schema(keys + [(metric, pa.float64()) for metric in metrics])
    n = len(table.archs)
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
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
    """The content of a table's blocks, in order."""
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
