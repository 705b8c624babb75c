"""The leaderboard of a pytest run: a folder like that of `proxybench leaderboard build`, or one CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from proxybench.errors import ProxybenchError
from proxybench.leaderboard.build import write
from proxybench.records import Record, read_records, write_records


class NotOurs(ProxybenchError, ValueError):
    """A folder with records not written by a pytest run, which must not be replaced."""


def refuse_foreign_records(out: Path) -> None:
    """Make sure that `write_board` would replace only its own files.

    Raises:
        NotOurs: if the folder holds records of `proxybench run`.
        CorruptData: if it holds damaged records.
    """
    for path in _runs(out):
        if any("pytest" not in record.provenance for record in read_records([path])):
            raise NotOurs(f"{path} holds records that pytest did not write; choose another folder for this run")


def write_board(out: Path, suite: str, records: Sequence[Record]) -> list[Path]:
    """Write the leaderboard of these records only, and return the paths written.

    Args:
        out: a folder, where records of earlier pytest runs are replaced; or a file NAME.csv for the rows of all tasks.
        suite: name of the file of records.
        records: the records of this run, one per job.

    Raises:
        NotOurs: like `refuse_foreign_records`.
    """
    if out.suffix == ".csv":
        with TemporaryDirectory() as scratch:
            write_board(Path(scratch), suite, records)
            tables = [Path(scratch, f"{name}.csv") for name in sorted({record.task.name for record in records})]
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(_joined(table.read_bytes() for table in tables))
        return [out]
    refuse_foreign_records(out)
    for path in _runs(out):
        path.unlink()
    write_records(out / "runs" / f"{suite}.jsonl", records)
    return write(out)


def _runs(out: Path) -> list[Path]:
    return sorted((out / "runs").glob("*.jsonl"))


def _joined(tables: Iterable[bytes]) -> bytes:
    """Concatenates tables with the same header."""
    header, rows = b"", b""
    for table in tables:
        header, _, more = table.partition(b"\n")
        rows += more
    return header + b"\n" + rows
