"""Resumable work: a table of items split into chunks, whose results are parquet files, the shards.

The work has a folder, which holds `sweep.json` (the function and the setting), `items.parquet`, files that the work
needs, and `shards/`, with one parquet file per finished chunk, written atomically once it is complete. The chunks are
the jobs of `proxybench.jobs.shard_store`.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from proxybench.errors import CorruptData, ProxybenchError
from proxybench.files import replace_file
from proxybench.jobs.job_claims import JobClaims
from proxybench.jobs.store import imported
from proxybench.readers.columns import read_parquet

FORMAT = 1
LOCK = ".lock"
_WORK = b"proxybench:work"

ChunkFunction = Callable[[pa.Table], pa.Table]
Prepare = Callable[[Mapping[str, Any], Mapping[str, bytes]], ChunkFunction]


@dataclass(frozen=True, eq=False)
class ChunkedWork:
    """The work to be done in `folder`.

    Attributes:
        folder: where it is stored.
        run: "module:function", which takes (setting, files) and returns a function from a table of items to a table
            with as many rows.
        setting: everything that the results depend on in addition to the items; JSON.
        items: one row per item.
        files: files that `run` needs, content by name.
        chunk: number of items per chunk.
    """

    folder: Path
    run: str
    setting: Mapping[str, Any]
    items: pa.Table
    files: Mapping[str, bytes] = field(default_factory=dict)
    chunk: int = 16
    _whole: set[int] = field(default_factory=set, repr=False)

    @cached_property
    def plan(self) -> dict[str, Any]:
        """The content of `sweep.json`."""
        return {
            "format": FORMAT,
            "run": self.run,
            "items": self.items.num_rows,
            "items digest": digest_of(canonical_json(self.items.to_pydict())),
            "files": {name: digest_of(content) for name, content in sorted(self.files.items())},
            "setting": json.loads(json.dumps(self.setting)),
            "chunk": self.chunk,
        }

    @cached_property
    def digest(self) -> str:
        """Digest of everything that the results depend on; stored in each shard."""
        return digest_of(canonical_json(self.plan))

    @property
    def chunks(self) -> int:
        return len(range(0, self.items.num_rows, self.chunk))

    def size(self, number: int) -> int:
        """The number of items in a chunk."""
        return len(range(self.items.num_rows)[number * self.chunk : (number + 1) * self.chunk])

    def items_of(self, number: int) -> pa.Table:
        """The items of a chunk."""
        return self.items.slice(number * self.chunk, self.chunk)

    def shard(self, number: int) -> Path:
        """The file of a chunk's results, once they exist."""
        return self.folder / "shards" / f"{self.name(number)}.parquet"

    def missing(self) -> list[int]:
        """Chunks without a valid shard, in order. A shard that is torn or has another setting does not count."""
        absent = [number for number in range(self.chunks) if number not in self._whole]
        if absent:
            there = {path.name for path in self.shard(0).parent.glob("*.parquet")}
            self._whole.update(n for n in absent if self.shard(n).name in there and self._is_whole(n))
        return [number for number in absent if number not in self._whole]

    def done(self) -> int:
        """The number of items with a result."""
        return int(self.items.num_rows) - sum(self.size(number) for number in self.missing())

    def require_done(self, *, partial: bool) -> bool:
        """Whether all is done.

        Raises:
            ProxybenchError: if results are missing and `partial` is false, or there are none at all.
        """
        missing = len(self.missing())
        if missing == self.chunks or (missing and not partial):
            raise ProxybenchError(
                f"{self.folder}: {self.done()} of {self.items.num_rows} architectures are done; run it to its end"
                + ("" if missing == self.chunks else ", or merge the finished part with --partial")
            )
        return not missing

    def write(self, number: int, table: pa.Table) -> None:
        """Save the results of a chunk. Raises ValueError unless there is one row per item."""
        if table.num_rows != self.size(number):
            raise ValueError(f"{self.run} gave {table.num_rows} rows for {self.size(number)} items")
        table = table.replace_schema_metadata({_WORK: self.digest.encode()})
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
        replace_file(self.shard(number), sink.getvalue())
        self._whole.add(number)

    def tables(self) -> Iterator[pa.Table]:
        """The results of the finished chunks, in order. Raises CorruptData if one was damaged since it was checked."""
        missing = set(self.missing())
        for number in range(self.chunks):
            if number not in missing:
                try:
                    yield read_parquet(self.shard(number))
                except (OSError, ValueError, pa.ArrowException) as error:
                    raise CorruptData(f"{self.shard(number)} is damaged ({error}); remove it and run again") from error

    def forget(self, numbers: Iterable[int]) -> int:
        """Remove the results of chunks, so that they are redone; returns their number, without those in progress."""
        with self.claims() as claims:
            free = [number for number in numbers if claims.claim_first([self.name(number)]) is not None]
            for number in free:
                self.shard(number).unlink(missing_ok=True)
                self._whole.discard(number)
        return len(free)

    def name(self, number: int) -> str:
        """The name by which a chunk is claimed and its shard is stored."""
        return f"{number:06d}"

    def claims(self) -> JobClaims:
        """The claims of one process on the chunks."""
        return JobClaims(self.folder / "claims", self.folder / LOCK)

    def is_done(self, number: int) -> bool:
        """Whether a chunk has a valid shard."""
        if number not in self._whole and self.shard(number).exists() and self._is_whole(number):
            self._whole.add(number)
        return number in self._whole

    def _is_whole(self, number: int) -> bool:
        try:
            table = read_parquet(self.shard(number))
        except (OSError, ValueError, pa.ArrowException):
            return False
        same = (table.schema.metadata or {}).get(_WORK) == self.digest.encode()
        return bool(same and table.num_rows == self.size(number))


def does_work(prepare: Prepare) -> Prepare:
    """Decorator for functions that a work folder may name, since a folder from elsewhere could name anything."""
    prepare.__does_work__ = True  # type: ignore[attr-defined]
    return prepare


def prepared(run: str, setting: Mapping[str, Any], files: Mapping[str, bytes]) -> ChunkFunction:
    """The function that does the items of a chunk, set up with its setting.

    Raises:
        CorruptData: if `run` does not name a function declared with `does_work`.
    """
    try:
        prepare = imported(run)
    except (ImportError, AttributeError, ValueError) as error:
        raise CorruptData(f"unknown work {run!r}: {error}") from error
    if not getattr(prepare, "__does_work__", False):
        raise CorruptData(f"{run!r} is not a declared work function; remove its folder and start again")
    function: ChunkFunction = prepare(setting, files)
    return function


def canonical_json(value: Any) -> bytes:
    """Canonical bytes: equal for equal values."""
    return json.dumps(value, sort_keys=True).encode()


def digest_of(data: bytes) -> str:
    """32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
