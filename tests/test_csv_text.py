"""CSV for spreadsheets: text that would be executed is quoted, numbers stay numbers."""

from __future__ import annotations

import csv
import io

import pytest

from proxybench.csv_text import csv_bytes, quoted

FORMULAS = ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\n=1", " =1", "-", "--1", "+1_0", "-1+1", "\uff1d1"]
DATA = ["-0.5", "+1e5", "-3", "-.5", "0.25", "nwot", "|none~0|", '{"a":1}', "", "a=b", "-1e-7"]


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_cell_that_begins_a_formula_is_quoted(cell: str) -> None:
    assert quoted(cell) == f"'{cell}"
    assert rows_of(csv_bytes(["a", "b"], [[cell, "x"]])) == [["a", "b"], [f"'{cell}", "x"]]


def test_a_carriage_return_begins_no_row() -> None:
    assert rows_of(csv_bytes(["a", "b"], [["\r=1", "x\r\n=2\r=3"]])) == [["a", "b"], ["'\n=1", "x\n=2\n=3"]]


@pytest.mark.parametrize("cell", DATA)
def test_numbers_and_other_text_stay_as_they_are(cell: str) -> None:
    assert quoted(cell) == cell


def test_rows_with_numbers_and_nothing() -> None:
    assert csv_bytes(["=a", "b"], [[-0.5, None], [3, "x,y"]]) == b'\'=a,b\n-0.5,\n3,"x,y"\n'
