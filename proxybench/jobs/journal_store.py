"""The store of an evaluation's jobs: records of the finished ones are JSON lines in a journal that runs may share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType

import msgspec

from proxybench.errors import CorruptData
from proxybench.jobs.job_claims import JobClaims
from proxybench.jobs.job_spec import JobSpec
from proxybench.jobs.journal import Journal
from proxybench.jobs.store import Answer, Job, Program
from proxybench.records import Outcome, Record, TaskIdentity


@dataclass
class RunSummary:
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

    def __add__(self, other: RunSummary) -> RunSummary:
        return RunSummary(
            self.recorded + other.recorded,
            self.skipped + other.skipped,
            self.outcomes + other.outcomes,
            self.lacking + other.lacking,
            self.refused | other.refused,
        )


class JournalStore:
    """Hands out the jobs that are not in the journal, and appends their records; see `store.JobStore`.

    Each job is done at most once by all runs that share the journal, whatever its outcome: an exception, a time-out or
    the death of its process is an outcome too. A job whose table or method is not present as specified is neither run
    nor recorded; `RunSummary.lacking` counts them by reason.

    Args:
        specs: the jobs, in starting order.
        run: "module:function", taking a JobSpec and returning its Record; imported by the workers only, with the
            module search path of this process. Its output is discarded. It must draw random numbers from its own
            seeds.
        journal: where records go; see `proxybench.jobs.journal`.
        on_record: called with every record after it is in the journal.

    Attributes:
        summary: counts of this run.

    Raises:
        ValueError: if a job is specified twice.
        CorruptData: on entry, if the journal is damaged or holds a record of a job for another version of its task.
    """

    def __init__(
        self, specs: Iterable[JobSpec], run: str, journal: Journal, on_record: Callable[[Record], None] | None = None
    ) -> None:
        self.summary = RunSummary()
        self.program = Program("proxybench.jobs.job_spec:evaluation", run.encode(), run)
        self._journal = journal
        self._claims = JobClaims(journal.path.with_name(f"{journal.path.name}.claims"), journal.lock)
        self._on_record = on_record
        self._waiting: dict[str, JobSpec] = {}
        self._out: dict[str, JobSpec] = {}
        for spec in specs:
            name = msgspec.json.encode(spec.key).decode()
            if name in self._waiting:
                raise ValueError(f"{tuple(spec.key)} is specified twice")
            self._waiting[name] = spec

    def __enter__(self) -> JournalStore:
        with self._journal.locked() as recorded:
            for name, spec in [(name, spec) for name, spec in self._waiting.items() if spec.key in recorded]:
                self._skip(name, recorded[spec.key])
        self._claims.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._claims.__exit__(kind, error, trace)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._out)

    def take(self) -> Job | None:
        while (name := self._claims.claim_first(self._waiting)) is not None:
            spec = self._waiting[name]
            with self._journal.locked() as recorded:
                done = recorded.get(spec.key)
            if done is None:
                self._out[name] = self._waiting.pop(name)
                return Job(name, msgspec.json.encode(spec))
            self._skip(name, done)
            self._claims.release(name)
        return None

    def give_back(self, job: Job) -> None:
        self._waiting[job.name] = self._out.pop(job.name)
        self._claims.release(job.name)

    def leave_out(self, job: Job, reason: str) -> None:
        if self._out.pop(job.name, None) is not None:
            self._claims.release(job.name)
            self.summary.lacking[reason] += 1

    def record(self, job: Job, answer: Answer) -> None:
        record = _record_of(msgspec.json.decode(job.content, type=JobSpec), answer)
        added = self._journal.append_if_absent(record)
        if self._out.pop(job.name, None) is None:
            return
        self._claims.release(job.name)
        if not added:
            self.summary.skipped += 1
            return
        self.summary.recorded += 1
        self.summary.outcomes[record.outcome] += 1
        if self._on_record is not None:
            self._on_record(record)

    def refuse(self, machines: dict[str, str]) -> None:
        self.summary.refused = dict(machines)

    def _skip(self, name: str, task: TaskIdentity) -> None:
        spec = self._waiting.pop(name)
        if spec.task != task:
            raise CorruptData(
                f"{self._journal.path} holds {tuple(spec.key)} for another version of task {task.name} or of its "
                "table; move the file away, or remove that task's records from it"
            )
        self.summary.skipped += 1


def _record_of(spec: JobSpec, answer: Answer) -> Record:
    """The record of an answer; costs and provenance stated by the function take precedence over those measured."""
    if answer.result is None:
        record = spec.without_result(answer.outcome, answer.message)
    else:
        record = msgspec.json.decode(answer.result, type=Record)
    return msgspec.structs.replace(
        record, cost={**answer.cost, **record.cost}, provenance=record.provenance or answer.provenance
    )
