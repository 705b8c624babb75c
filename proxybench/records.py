"""Records: one JSON line for each evaluated (task, method), written by the harness and read by the leaderboard.

A record holds identity, outcome and every metric, and beside them what it took to get there: table recipe, versions,
commit, machine, time. Two records with the same identity are the same cell of the leaderboard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import msgspec

from proxybench.errors import CorruptData
from proxybench.files import replace_file
from proxybench.readers.regular_files import open_regular
from proxybench.record_limits import check_record

MAX_LINE = 64 * 2**20  # bytes of a record; the longest, a problem with its searches, has some hundred thousand
Scalar = str | int | float | bool | None
Kind = Literal["training-free", "training-free with labels", "predictor", "search", "control", "cost"]
Outcome = Literal["ok", "failed", "timeout", "unsupported"]
Line = TypeVar("Line", bound=msgspec.Struct)


class Cell(NamedTuple):
    """The identity of a cell: task name, method, parameters as sorted JSON, training size, repeat."""

    task: str
    method: str
    params: str
    n_train: int
    repeat: int


class TaskIdentity(msgspec.Struct, frozen=True):
    """What is ranked against what. Scores share a leaderboard only if all of this is equal.

    Attributes:
        population: in words; `size` is its number of architectures.
        split: which architectures are scored, and what training may have seen.
        target: metric, epochs and seed that scores are compared with.
        table: recipe digest of the table; equal digests mean equal data.
    """

    name: str
    version: int
    benchmark: str
    dataset: str
    population: str
    size: int
    split: str
    target: str
    table: str


class Record(msgspec.Struct, frozen=True):
    """The outcome of one cell: a method with its parameters on a task, for one repeat and training size.

    Attributes:
        method: name under which the method is ranked.
        kind: pool of the leaderboard; "control" and "cost" stand in every pool.
        params: what the method was constructed with, where it is not the default.
        repeat: number of the repeat, from 0; decides the split and the method's random state.
        n_train: architectures whose target the method was told; 0 where it was told none.
        metrics: by name, as `proxybench.rank_metrics` returns them; null where undefined.
        intervals: lower and upper limit of metrics, 95 percent, where they were computed.
        cost: `seconds_per_architecture` as the source of a published score states it; of what was run here `fit_s`,
            `predict_s` (per architecture), and of the whole cell `wall_s` and `peak_mb` (resident memory of its
            process at the highest, libraries included).
        code: SHA-256 of the file that a user's own method stands in; empty for methods of this project.
        provenance: versions of the libraries, commit, machine class and time of the run.

    Raises:
        ValueError: for a number or text that no run gives, see `proxybench.record_limits`.
    """

    task: TaskIdentity
    method: str
    kind: Kind
    outcome: Outcome
    metrics: dict[str, float | None]
    params: dict[str, Scalar] = {}
    repeat: int = 0
    n_train: int = 0
    intervals: dict[str, tuple[float | None, float | None]] = {}
    cost: dict[str, float | None] = {}
    message: str = ""
    code: str = ""
    provenance: dict[str, str] = {}

    def __post_init__(self) -> None:
        check_record(self)

    @property
    def cell(self) -> Cell:
        """Which cell this is the outcome of; two records of one cell cannot stand side by side."""
        return Cell(self.task.name, self.method, params_text(self.params), self.n_train, self.repeat)


def params_text(params: Mapping[str, Scalar]) -> str:
    """Parameters as sorted JSON, as a cell has them."""
    return msgspec.json.encode(params, order="sorted").decode()


def comparable(record: Record) -> Record:
    """The record less what may differ between two runs of one cell on one machine: cost and provenance."""
    return msgspec.structs.replace(record, cost={}, provenance={})


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Replace the file by these records, sorted by cell; a reader sees the old file or the new one."""
    write_lines(path, sorted(records, key=lambda record: record.cell))


def read_records(paths: Iterable[Path]) -> list[Record]:
    """All records of some files, sorted by cell.

    Raises:
        CorruptData: for a line that is no record (naming file and line), a cell that stands twice in a file, or in two
            files with different outcomes.
    """
    found: dict[Cell, tuple[Path, Record]] = {}
    for path, _, record in read_lines(paths, Record, "not a record"):
        if record.cell in found and (
            found[record.cell][0] == path or comparable(found[record.cell][1]) != comparable(record)
        ):
            raise CorruptData(f"{tuple(record.cell)} is recorded twice, in {found[record.cell][0]} and {path}")
        found.setdefault(record.cell, (path, record))
    return [found[cell][1] for cell in sorted(found)]


def write_lines(path: Path, lines: Iterable[Line]) -> Path:
    """Replace the file by these, a line of JSON each with its keys sorted; the path. Raises OSError as writing does."""
    return replace_file(path, b"".join(msgspec.json.encode(line, order="sorted") + b"\n" for line in lines))


def read_lines(paths: Iterable[Path], kind: type[Line], otherwise: str) -> Iterator[tuple[Path, int, Line]]:
    """The lines of some files, one after the other: the file, the line's number from 1, and what it holds.

    Raises:
        CorruptData: for a line that is not of this kind, naming file and line: it is `otherwise`, as in "not a record";
            for a line of more than MAX_LINE bytes, and for what is not a regular file.
    """
    decoder = msgspec.json.Decoder(kind)
    for path in paths:
        with open_regular(path) as stream:
            for number, line in enumerate(iter(partial(stream.readline, MAX_LINE + 1), b""), start=1):
                if len(line) > MAX_LINE:
                    raise CorruptData(f"{path}:{number} has more than {MAX_LINE} bytes")
                try:
                    found = decoder.decode(line.rstrip(b"\r\n"))
                except (msgspec.MsgspecError, RecursionError) as error:
                    raise CorruptData(f"{path}:{number} is {otherwise}: {error}") from error
                yield path, number, found
