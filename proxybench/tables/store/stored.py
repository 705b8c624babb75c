"""A table on disk, opened for reading.

Each process checks the SHA-256 of a file against the table's pointer before it first reads it, and each page against
the checksum in the file whenever it reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import CorruptData
from proxybench.readers.texts import Texts
from proxybench.tables.sources.cache import sha256_of
from proxybench.tables.store.merge import BlockKey
from proxybench.tables.store.pointer import TableInfo, how_to_rebuild

_verified: set[tuple[object, ...]] = set()  # files this process has hashed: see `StoredTable._verify`


class StoredTable:
    """A table opened for reading; blocks are read from disk on access.

    Raises:
        CorruptData: if a file is damaged or missing; the message says how to rebuild the table.
    """

    def __init__(self, info: TableInfo, folder: Path) -> None:
        self.info = info
        self.folder = folder
        self._row_groups = {block.key: number for number, block in enumerate(info.blocks)}

    @cached_property
    def archs(self) -> Texts[str]:
        """Architecture texts in index order."""
        return self._texts("arch")

    @cached_property
    def digests(self) -> Texts[str]:
        """The space's digest of each architecture, in index order."""
        return self._texts("digest")

    def _texts(self, name: str) -> Texts[str]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self._reading("archs.parquet") as path, pq.ParquetFile(path, page_checksum_verification=True) as file:
            self._check_rows("archs.parquet", file.metadata.num_rows)
            return Texts(file.read(columns=[name], use_threads=False).column(name).cast(pa.large_string()), str)

    @property
    def card(self) -> str:
        """The table's card: population, split, target, provenance, licence, citation. Markdown."""
        with self._reading("card.md") as path:
            return path.read_text(encoding="utf-8")

    def column(self, key: BlockKey, metric: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Values (NaN where null) and whether each was measured, one entry per architecture."""
        import pyarrow.parquet as pq

        with self._reading("values.parquet") as path, pq.ParquetFile(path, page_checksum_verification=True) as file:
            number = self._row_groups[key]
            self._check_rows("values.parquet", file.metadata.row_group(number).num_rows)
            group = file.read_row_group(number, columns=[metric], use_threads=False)
            column = group.column(metric).combine_chunks()
            measured = column.is_valid().to_numpy(zero_copy_only=False)
            values = column.to_numpy(zero_copy_only=False)
            self._check_rows("values.parquet", len(values))
        return values, measured

    def damage(self) -> list[str]:
        """The names of files that are missing or whose SHA-256 differs from the pointer's."""
        return [
            name
            for name, expected in self.info.sha256.items()
            if not (self.folder / name).is_file() or sha256_of(self.folder / name) != expected
        ]

    @contextmanager
    def _reading(self, file: str) -> Iterator[Path]:
        """The path of a file whose content matches the pointer; errors in the block become CorruptData."""
        import pyarrow as pa

        try:
            self._verify(file)
            yield self.folder / file
        except CorruptData:
            raise
        except (OSError, pa.ArrowException, LookupError, TypeError, ValueError, MemoryError) as error:
            raise self._damaged(file, error) from error

    def _verify(self, file: str) -> None:
        """Check the SHA-256 of a file, once per process unless it is modified."""
        path, expected = self.folder / file, self.info.sha256[file]
        status = path.stat()
        seen = (str(path), expected, status.st_ino, status.st_size, status.st_mtime_ns)
        if seen in _verified:
            return
        if sha256_of(path) != expected:
            raise self._damaged(file, "its SHA-256 is not the one in the table's pointer")
        _verified.add(seen)

    def _check_rows(self, file: str, rows: int) -> None:
        if rows != self.info.architectures:
            raise self._damaged(file, f"{rows} rows for {self.info.architectures} architectures")

    def _damaged(self, file: str, error: object) -> CorruptData:
        step = how_to_rebuild(self.folder.parent, self.info.name)
        return CorruptData(f"table {self.info.name}: {self.folder / file} is damaged ({error}); {step}")
