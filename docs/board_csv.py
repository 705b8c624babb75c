"""The records and CSV files of the leaderboard, and tables in Markdown, for the scripts that write docs/results."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from proxybench.results import Results

BOARD = Path(__file__).parents[1] / "leaderboard"
Row = dict[str, str]


@cache
def results() -> Results:
    """All committed records."""
    return Results.load(BOARD)


@cache
def read(name: str) -> tuple[Row, ...]:
    """The rows of a CSV file of the leaderboard."""
    with (BOARD / f"{name}.csv").open(newline="") as file:
        return tuple(csv.DictReader(file))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
