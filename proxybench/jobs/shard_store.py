"""The store of chunks of work: a job is a chunk, and its result a parquet shard in the folder of the work."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any

import msgspec
import pyarrow as pa

from proxybench.jobs.chunked_work import ChunkedWork, prepared
from proxybench.jobs.store import Answer, Job, JobFunction, Program, WorkerFailed

ATTEMPTS = 3
Progress = Callable[[int], None]


class _Setup(msgspec.Struct, frozen=True):
    """What all chunks of a work have in common; `setting` is JSON."""

    run: str
    setting: bytes
    files: dict[str, bytes]


class ShardStore:
    """Hands out the chunks without a shard, and writes their shards; see `store.JobStore`.

    A chunk whose process died is tried again after the others, in case that was not its fault. Chunks have no failed
    outcome: any other failure, or a third death, is an error here, and what is finished stays.

    Args:
        work: from `work_folder.begin` or `work_folder.load`.
        on_progress: called with the number of items done, whenever it changes.

    Attributes:
        recorded: number of items done by this run.
    """

    def __init__(self, work: ChunkedWork, on_progress: Progress | None = None) -> None:
        setup = _Setup(work.run, json.dumps(work.setting).encode(), dict(work.files))
        self.program = Program("proxybench.jobs.shard_store:chunk", msgspec.msgpack.encode(setup), work.run)
        self.recorded = 0
        self._work = work
        self._claims = work.claims()
        self._on_progress = on_progress
        self._shown = -1
        self._deaths: Counter[int] = Counter()

    def __enter__(self) -> ShardStore:
        self._claims.__enter__()
        self._show_progress()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._claims.__exit__(kind, error, trace)

    def __len__(self) -> int:
        missing = len(self._work.missing())
        self._show_progress()
        return missing

    def take(self) -> Job | None:
        missing = sorted(self._work.missing(), key=lambda number: self._deaths[number])
        while (name := self._claims.claim_first(map(self._work.name, missing))) is not None:
            number = int(name)
            if not self._work.is_done(number):
                return Job(name, _to_bytes(self._work.items_of(number)))
            self._claims.release(name)
            missing.remove(number)
        return None

    def give_back(self, job: Job) -> None:
        self._claims.release(job.name)

    def leave_out(self, job: Job, reason: str) -> None:
        """Raises WorkerFailed: work cannot be finished without one of its chunks."""
        raise self._failed(job, reason)

    def record(self, job: Job, answer: Answer) -> None:
        """Write the shard, or count the death of its process.

        Raises:
            WorkerFailed: if the chunk failed.
            ValueError: unless there is one row per item.
        """
        number = int(job.name)
        if answer.result is not None:
            if not self._work.is_done(number):
                self._work.write(number, _from_bytes(answer.result))
                self.recorded += self._work.size(number)
        else:
            self._deaths[number] += 1
            if not answer.died or self._deaths[number] == ATTEMPTS:
                raise self._failed(job, answer.message)
        self._claims.release(job.name)
        self._show_progress()

    def refuse(self, machines: dict[str, str]) -> None:
        """Nothing is kept of machines that get no chunks; the others do them."""

    def _failed(self, job: Job, reason: str) -> WorkerFailed:
        work = self._work
        return WorkerFailed(
            f"chunk {int(job.name)} of {work.folder} failed: {reason}; {work.done()} of {work.items.num_rows} are "
            "done, run the same command again to resume"
        )

    def _show_progress(self) -> None:
        if self._on_progress is not None and (done := self._work.done()) != self._shown:
            self._shown = done
            self._on_progress(done)


def chunk(setup: bytes) -> JobFunction:
    """The function from the items of a chunk to its results, both as Arrow streams."""
    given = msgspec.msgpack.decode(setup, type=_Setup)
    setting: dict[str, Any] = json.loads(given.setting)
    function = prepared(given.run, setting, given.files)
    return lambda items: _to_bytes(function(_from_bytes(items)))


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _from_bytes(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()
