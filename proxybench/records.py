"""Records: one JSON line per evaluated (task, method), written by the harness and read by the leaderboard.

A record holds the identity, the outcome and every metric, as well as how they were obtained: table recipe, versions,
commit, machine, time. Two records with the same identity are the same job.
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

MAX_LINE = 64 * 2**20  # bytes of a record; the longest, a problem with its searches, has a few hundred thousand
Scalar = str | int | float | bool | None
Kind = Literal["training-free", "training-free with labels", "one-shot", "predictor", "search", "control", "cost"]
Outcome = Literal["ok", "failed", "timeout", "unsupported"]
Line = TypeVar("Line", bound=msgspec.Struct)


class JobKey(NamedTuple):
    """The identity of a job: task name, method, parameters as sorted JSON, training size, repeat."""

    task: str
    method: str
    params: str
    n_train: int
    repeat: int


class TaskIdentity(msgspec.Struct, frozen=True):
    """The identity of a task. Scores share a leaderboard only if all of its fields are equal.

    Attributes:
        population: description in words; `size` is its number of architectures.
        split: which architectures are scored, and which may be used in training.
        target: metric, epochs and seed to compare scores with.
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
    """The outcome of one job: a method with its parameters on a task, for one repeat and training size.

    Attributes:
        method: name under which the method is ranked.
        kind: pool of the leaderboard; "control" and "cost" are listed in every pool.
        params: constructor arguments that differ from the defaults.
        repeat: number of the repeat, from 0; determines the split and the method's random state.
        n_train: number of architectures the method was trained on; 0 if it was not trained.
        metrics: by name, as `proxybench.rank_metrics` returns them; null where undefined.
        intervals: lower and upper 95 percent limits of metrics, if they were computed.
        cost: `seconds_per_architecture` as stated by the source of a published score; for methods run here `fit_s`,
            `predict_s` (per architecture), and for the whole job `wall_s` and `peak_mb` (peak resident memory of its
            process, libraries included).
        code: SHA-256 of the file that defines a user's own method; empty for methods of this project.
        provenance: versions of the libraries, commit, machine class and time of the run.

    Raises:
        ValueError: for an impossible number or text, see `proxybench.record_limits`.
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
    def key(self) -> JobKey:
        """The identity of the job; a file cannot hold two records with the same one."""
        return JobKey(self.task.name, self.method, params_text(self.params), self.n_train, self.repeat)


def params_text(params: Mapping[str, Scalar]) -> str:
    """Parameters as sorted JSON, as used in a job's identity."""
    return msgspec.json.encode(params, order="sorted").decode()


def comparable(record: Record) -> Record:
    """The record without cost and provenance, which may differ between two runs of a job on one machine."""
    return msgspec.structs.replace(record, cost={}, provenance={})


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Atomically replace the file with these records, sorted by job identity."""
    write_lines(path, sorted(records, key=lambda record: record.key))


def read_records(paths: Iterable[Path]) -> list[Record]:
    """All records of some files, sorted by job identity.

    Raises:
        CorruptData: if a line is not a record (names file and line), or a job is recorded twice in a file, or in two
            files with different outcomes.
    """
    found: dict[JobKey, tuple[Path, Record]] = {}
    for path, _, record in read_lines(paths, Record, "not a record"):
        if record.key in found and (
            found[record.key][0] == path or comparable(found[record.key][1]) != comparable(record)
        ):
            raise CorruptData(f"{tuple(record.key)} is recorded twice, in {found[record.key][0]} and {path}")
        found.setdefault(record.key, (path, record))
    return [found[key][1] for key in sorted(found)]


def write_lines(path: Path, lines: Iterable[Line]) -> Path:
    """Replace the file with these, one line of JSON with sorted keys each, and return the path. May raise OSError."""
    return replace_file(path, b"".join(msgspec.json.encode(line, order="sorted") + b"\n" for line in lines))


def read_lines(paths: Iterable[Path], kind: type[Line], otherwise: str) -> Iterator[tuple[Path, int, Line]]:
    """Yield the lines of some files in order: the file, the line number from 1, and the decoded content.

    Raises:
        CorruptData: if a line is not of this kind; names file and line, and says `otherwise`, as in "not a record".
            Also if a line has more than MAX_LINE bytes, or a path is not a regular file.
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
