"""CSV files whose column `net` names architectures by printed NASLib tuples, one row each.

An empty cell is null (the source did not measure), "nan" and "inf" are values that are not finite, and anything
else that is not a number means that the file is damaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData, InvalidArchitecture
from proxybench.readers.untrusted import read_csv_columns
from proxybench.tables.importers.naslib_codes import parse_tuple
from proxybench.tables.store.schema import score_or_nan

MILLION = 1_000_000


@dataclass(frozen=True)
class NetTable:
    """The rows of one file.

    Attributes:
        path: of the file, for messages.
        archs: text of each architecture, every one once.
        lines: line of each row in the file.
        cells: every column as text.
    """

    path: Path
    archs: list[str]
    lines: list[int]
    cells: dict[str, list[str]]

    def keys(self, dataset: str, epochs: int, seed: str) -> dict[str, Iterable[Any]]:
        """The key columns of a Fragment with one row per architecture."""
        n = len(self.archs)
        return {"arch": self.archs, "dataset": [dataset] * n, "epochs": [epochs] * n, "seed": [seed] * n}

    def numbers(self, column: str) -> list[float | None]:
        """A column as numbers; None where the cell is empty. Raises CorruptData naming line and column."""
        return [self._number(column, line, cell) for line, cell in zip(self.lines, self.cells[column], strict=True)]

    def percents(self, column: str) -> list[float | None]:
        """A column of percentages. Raises CorruptData for one outside 0 to 100."""
        values = self.numbers(column)
        for line, value in zip(self.lines, values, strict=True):
            if value is not None and not (math.isnan(value) or 0 <= value <= 100):
                raise self._error(line, column, f"{value} is not a percentage")
        return values

    def scores(self, column: str) -> list[float | None]:
        """A column of proxy scores, NaN where the proxy failed or gave no finite value."""
        return [None if value is None else score_or_nan(value) for value in self.numbers(column)]

    def counts_from_millions(self, column: str) -> list[float | None]:
        """A column given in millions, as whole numbers. Raises CorruptData for a fraction of a unit."""
        return [
            value if value is None or math.isnan(value) else self._count(column, line, value)
            for line, value in zip(self.lines, self.scores(column), strict=True)
        ]

    def _count(self, column: str, line: int, millions: float) -> float:
        count = round(millions * MILLION)
        if count < 0 or abs(millions * MILLION - count) > 1e-3:
            raise self._error(line, column, f"{millions} million is not a whole number")
        return float(count)

    def _number(self, column: str, line: int, cell: str) -> float | None:
        if cell == "":
            return None
        try:
            return float(cell)
        except ValueError:
            raise self._error(line, column, f"{cell[:40]!r} is not a number") from None

    def _error(self, line: int, column: str, reason: str) -> CorruptData:
        return CorruptData(f"{self.path}: line {line}, column {column!r}: {reason}")


def read_net_table(path: Path, required: Collection[str], text_of: Callable[[Sequence[Any]], str]) -> NetTable:
    """Read a file; `text_of` turns a tuple into the text of its space.

    A row that repeats an earlier one is dropped. If the file also has the text (column `net_str`), the two
    must name the same architecture.

    Raises:
        CorruptData: naming line and column, if a column is missing, a tuple is invalid, or two rows of one
            architecture differ.
    """
    columns = read_csv_columns(path, ["net", *required])
    texts = [_text(path, line, net, text_of) for line, net in enumerate(columns["net"], start=2)]
    for line, (text, written) in enumerate(zip(texts, columns.get("net_str", texts), strict=True), start=2):
        if text != written:
            raise CorruptData(f"{path}: line {line}, column 'net_str': {written[:120]!r}, but column 'net' is {text!r}")
    rows = _distinct_rows(path, texts, {name: columns[name] for name in required})
    return NetTable(
        path,
        archs=[texts[row] for row in rows],
        lines=[row + 2 for row in rows],
        cells={name: [cells[row] for row in rows] for name, cells in columns.items()},
    )


def _text(path: Path, line: int, net: str, text_of: Callable[[Sequence[Any]], str]) -> str:
    try:
        return text_of(parse_tuple(net))
    except InvalidArchitecture as error:
        raise CorruptData(f"{path}: line {line}, column 'net': {error}") from error


def _distinct_rows(path: Path, texts: Sequence[str], columns: dict[str, list[str]]) -> list[int]:
    """The first row of each architecture. Raises CorruptData if a later row of it has other values."""
    first: dict[str, int] = {}
    for row, text in enumerate(texts):
        earlier = first.setdefault(text, row)
        for name, cells in columns.items():
            if cells[row] != cells[earlier]:
                raise CorruptData(
                    f"{path}: line {row + 2}, column {name!r}: {cells[row][:40]!r} for {text}, "
                    f"but line {earlier + 2} says {cells[earlier][:40]!r}"
                )
    return list(first.values())
