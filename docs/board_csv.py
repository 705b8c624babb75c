"""Records and CSV files of leaderboard/ and docs/results, and tables in Markdown, for the scripts that write pages."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from proxybench.results import Results

BOARD = Path(__file__).parents[1] / "leaderboard"
PAGES = Path(__file__).parent / "results"
Row = dict[str, str]


@cache
def results() -> Results:
    """All committed records."""
    return Results.load(BOARD)


@cache
def read(name: str) -> tuple[Row, ...]:
    """The rows of a CSV file of the leaderboard."""
    return _rows(BOARD / f"{name}.csv")


@cache
def written(name: str) -> tuple[Row, ...]:
    """The rows of a CSV file of docs/results, which a script of experiments/ writes."""
    return _rows(PAGES / f"{name}.csv")


def _rows(path: Path) -> tuple[Row, ...]:
    with path.open(newline="") as file:
        return tuple(csv.DictReader(file))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; bars in a cell are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
