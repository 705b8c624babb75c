"""The user's rows as columns of plain values, whatever container they come in: CSV, parquet or a pandas frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from predictors.errors import unknown_name
from proxybench.errors import DataNotAvailable, InvalidTable
from proxybench.readers.columns import read_parquet
from proxybench.readers.untrusted import read_csv_columns, reading

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Plain = str | int | float | bool | None
MAX_ROWS = 2_000_000
MAX_COLUMNS = 10_000


@dataclass(frozen=True)
class Rows:
    """n rows with named columns. Row numbers in messages count from 1, without a header.

    Attributes:
        origin: what the rows come from, for messages: a file name, or "the frame".
        names: names of the columns.
        length: n.
        read: gives the values of a column: text, numbers, truth values, or None where a value is missing.
    """

    origin: str
    names: Sequence[str]
    length: int
    read: Callable[[str], list[Plain]]

    def column(self, name: str) -> list[Plain]:
        """The values of a column. Raises UnknownName, suggesting the nearest column."""
        if name not in self.names:
            raise unknown_name("column", name, self.names, f"of {self.origin}")
        return self.read(name)

    def wrong(self, row: int, column: str, reason: str) -> InvalidTable:
        """The error for a value: `row` counts from 0 and is shown counting from 1."""
        return InvalidTable(f"{self.origin}: row {row + 1}, column {column!r}: {reason}")

    def number(self, row: int, column: str, value: Plain) -> float | None:
        """A value as a number; None if it is missing. Raises InvalidTable for anything else."""
        if isinstance(value, str):
            value = value.strip()
            if not value:
                return None
            try:
                return float(value.replace("_", "?"))  # Python accepts 1_000
            except ValueError:
                raise self.wrong(row, column, f"{value[:60]!r} is not a number") from None
        if isinstance(value, bool):
            raise self.wrong(row, column, f"{value} is a truth value, not a number")
        return None if value is None else float(value)


def rows_of_csv(path: Path) -> Rows:
    """The rows of a CSV file with a header; empty fields are missing values.

    Raises:
        DataNotAvailable: if the file does not exist.
        CorruptData: if it is damaged, empty, too large or not a CSV file.
        InvalidTable: if it has no rows, or too many.
    """
    _require_file(path)
    columns = read_csv_columns(path, ())
    names = list(columns)
    if len(names) == 1 and any(sign in names[0] for sign in ";\t"):
        raise InvalidTable(f"{path.name}: the columns are not separated by commas; write the file with commas")
    return _checked(
        Rows(path.name, names, len(columns[names[0]]), lambda name: [text or None for text in columns[name]])
    )


def rows_of_parquet(path: Path) -> Rows:
    """The rows of a parquet file; nulls are missing values.

    Raises:
        DataNotAvailable: if the file does not exist.
        CorruptData: if it is damaged or needs memory out of proportion to its size.
        InvalidTable: if it has no rows, too many, or columns of other types than text, numbers and truth values.
    """
    import pyarrow as pa

    _require_file(path)
    with reading(path):
        try:
            table = read_parquet(path)
        except pa.ArrowException as error:
            raise ValueError(f"not a parquet file: {error}") from error

    def read(name: str) -> list[Plain]:
        return _plain_column(path.name, name, table.column(name))

    return _checked(Rows(path.name, table.column_names, table.num_rows, read))


def rows_of_frame(frame: pd.DataFrame) -> Rows:
    """The rows of a pandas frame; None and pandas.NA are missing values. Its index is not used.

    Raises:
        InvalidTable: if it is not a frame, has no rows or too many, or names a column twice.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise InvalidTable(f"a table is made from a pandas.DataFrame, not a {type(frame).__name__}")
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise InvalidTable("the frame has two columns with the same name; rename one")
    places = {name: place for place, name in enumerate(names)}

    def read(name: str) -> list[Plain]:
        return [_plain(value) for value in frame.iloc[:, places[name]].tolist()]

    return _checked(Rows("the frame", names, len(frame), read))


def _plain_column(origin: str, name: str, column: pa.ChunkedArray) -> list[Plain]:
    import pyarrow.types as types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    tests = (
        types.is_string,
        types.is_large_string,
        types.is_integer,
        types.is_floating,
        types.is_boolean,
        types.is_null,
    )
    if not any(test(kind) for test in tests):
        raise InvalidTable(f"{origin}: column {name!r} holds {kind}, not text, numbers or truth values")
    values: list[Plain] = column.to_pylist()
    return values


def _plain(value: Any) -> Plain:
    """A value of a frame; whatever is neither number, truth value nor text becomes text, for messages."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, (Mapping, list, tuple)):
        from json import dumps

        return dumps(value)
    return str(value)


def _require_file(path: Path) -> None:
    if not path.exists():
        raise DataNotAvailable(f"{path} does not exist; name the file with your results")


def _checked(rows: Rows) -> Rows:
    if rows.length == 0:
        raise InvalidTable(f"{rows.origin}: has no rows")
    if rows.length > MAX_ROWS or len(rows.names) > MAX_COLUMNS:
        raise InvalidTable(
            f"{rows.origin}: {rows.length:,} rows and {len(rows.names):,} columns; the limits are {MAX_ROWS:,} and "
            f"{MAX_COLUMNS:,}"
        )
    return rows
