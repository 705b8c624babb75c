"""The backlog of a run: its remaining jobs, shared with other runs through the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType

from proxybench.errors import CorruptData
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.claims import Claims
from proxybench.jobs.journal import Journal
from proxybench.records import JobKey, Outcome, Record, TaskIdentity


@dataclass
class Summary:
    """Summary of a run.

    Attributes:
        recorded: jobs that this run recorded.
        skipped: jobs recorded before, or meanwhile by another run.
        outcomes: outcomes of the jobs that this run recorded.
        lacking: jobs neither run nor recorded, by what is missing: a table, a method, a library.
        refused: machines of a cluster that got no work, with the reason.
    """

    recorded: int = 0
    skipped: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    lacking: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            self.recorded + other.recorded,
            self.skipped + other.skipped,
            self.outcomes + other.outcomes,
            self.lacking + other.lacking,
            self.refused | other.refused,
        )


class Backlog:
    """Hands out jobs that are neither recorded nor claimed by other runs, and records their outcomes.

    A context manager: on exit, jobs handed out but not recorded are released for other runs.

    Raises:
        ValueError: if a job is specified twice.
        CorruptData: if the journal holds a record of a job for another version of its task.
    """

    def __init__(
        self, specs: Iterable[JobSpec], journal: Journal, on_record: Callable[[Record], None] | None = None
    ) -> None:
        self.summary = Summary()
        self._journal = journal
        self._claims = Claims(journal)
        self._on_record = on_record
        self._waiting: dict[JobKey, JobSpec] = {}
        self._out: dict[JobKey, JobSpec] = {}
        for spec in specs:
            if spec.key in self._waiting:
                raise ValueError(f"{tuple(spec.key)} is specified twice")
            self._waiting[spec.key] = spec

    def __enter__(self) -> Backlog:
        with self._journal.locked() as recorded:
            for cell in [cell for cell in self._waiting if cell in recorded]:
                self._skip(cell, recorded[cell])
        self._claims.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._claims.__exit__(kind, error, trace)

    def __len__(self) -> int:
        """The number of jobs not known to be recorded: waiting or handed out."""
        return len(self._waiting) + len(self._out)

    def take(self) -> JobSpec | None:
        """The next job to run; None while all remaining ones are in progress, here or elsewhere."""
        if not self._waiting:
            return None
        with self._journal.locked() as recorded:
            elsewhere = self._claims.elsewhere()
            done = []
            chosen = None
            for cell in self._waiting:
                if cell in recorded:
                    done.append(cell)
                elif cell not in elsewhere:
                    chosen = cell
                    break
            for cell in done:
                self._skip(cell, recorded[cell])
            if chosen is None:
                return None
            self._claims.add(chosen)
            self._out[chosen] = self._waiting.pop(chosen)
            return self._out[chosen]

    def give_back(self, spec: JobSpec) -> None:
        """Return a job that was handed out but could not be started."""
        self._waiting[spec.key] = self._out.pop(spec.key)
        self._claims.release(spec.key)

    def leave_out(self, spec: JobSpec, reason: str) -> None:
        """Drop a job that was handed out but cannot be run; nothing is recorded for it. Idempotent."""
        if self._out.pop(spec.key, None) is None:
            return
        self._claims.release(spec.key)
        self.summary.lacking[reason] += 1

    def record(self, record: Record) -> None:
        """Record the outcome of a job that was handed out. Idempotent."""
        added = self._journal.append_if_absent(record)
        if self._out.pop(record.key, None) is None:
            return
        self._claims.release(record.key)
        if not added:
            self.summary.skipped += 1
            return
        self.summary.recorded += 1
        self.summary.outcomes[record.outcome] += 1
        if self._on_record is not None:
            self._on_record(record)

    def _skip(self, cell: JobKey, task: TaskIdentity) -> None:
        if self._waiting.pop(cell).task != task:
            raise CorruptData(
                f"{self._journal.path} holds {tuple(cell)} for another version of task {cell.task} or of its table; "
                "move the file away, or remove that task's records from it"
            )
        self.summary.skipped += 1
