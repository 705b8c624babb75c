"""The backlog of a run: which of its cells are still to be done, shared with other runs through the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType

from proxybench.errors import CorruptData
from proxybench.jobs.cells import CellSpec
from proxybench.jobs.claims import Claims
from proxybench.jobs.journal import Journal
from proxybench.records import Cell, Outcome, Record, TaskIdentity


@dataclass
class Summary:
    """What a run did.

    Attributes:
        recorded: cells that this run recorded.
        skipped: cells that were recorded before, or meanwhile by another run.
        outcomes: of the cells that this run recorded.
        lacking: cells that were not run and not recorded, by what is not here: a table, a method, a library.
        refused: machines of a cluster that were given no work, with the reason.
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
    """Hands out cells that nobody has recorded or has in hand, and records what became of them.

    A context: on leaving it, what was handed out and not recorded is free for other runs.

    Raises:
        ValueError: for a cell that is specified twice.
        CorruptData: when the journal holds a record of a cell for another version of its task.
    """

    def __init__(
        self, specs: Iterable[CellSpec], journal: Journal, on_record: Callable[[Record], None] | None = None
    ) -> None:
        self.summary = Summary()
        self._journal = journal
        self._claims = Claims(journal)
        self._on_record = on_record
        self._waiting: dict[Cell, CellSpec] = {}
        self._out: dict[Cell, CellSpec] = {}
        for spec in specs:
            if spec.cell in self._waiting:
                raise ValueError(f"{tuple(spec.cell)} is specified twice")
            self._waiting[spec.cell] = spec

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
        """How many cells are not known to be recorded: waiting, or handed out."""
        return len(self._waiting) + len(self._out)

    def take(self) -> CellSpec | None:
        """The next cell to be run; None while all that is left is in hand, here or elsewhere."""
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

    def give_back(self, spec: CellSpec) -> None:
        """Return a cell that was handed out and could not be begun."""
        self._waiting[spec.cell] = self._out.pop(spec.cell)
        self._claims.release(spec.cell)

    def leave_out(self, spec: CellSpec, reason: str) -> None:
        """Leave out a cell that was handed out and cannot be run; nothing is recorded of it. Harmless when repeated."""
        if self._out.pop(spec.cell, None) is None:
            return
        self._claims.release(spec.cell)
        self.summary.lacking[reason] += 1

    def record(self, record: Record) -> None:
        """Record the outcome of a cell that was handed out. Harmless when repeated."""
        added = self._journal.append_if_absent(record)
        if self._out.pop(record.cell, None) is None:
            return
        self._claims.release(record.cell)
        if not added:
            self.summary.skipped += 1
            return
        self.summary.recorded += 1
        self.summary.outcomes[record.outcome] += 1
        if self._on_record is not None:
            self._on_record(record)

    def _skip(self, cell: Cell, task: TaskIdentity) -> None:
        if self._waiting.pop(cell).task != task:
            raise CorruptData(
                f"{self._journal.path} holds {tuple(cell)} for another version of task {cell.task} or of its table; "
                "move that file away, or remove the records of that task from it"
            )
        self.summary.skipped += 1
