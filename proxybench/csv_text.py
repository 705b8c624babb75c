"""CSV that a spreadsheet takes for data: cells that it would read as formulas are quoted, numbers stay numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and the full-width forms


def csv_bytes(header: Sequence[str], rows: Iterable[Iterable[object]]) -> bytes:
    """The header and the rows as CSV in UTF-8, lines ending in a line feed; None is an empty cell.

    Line ends within a cell become line feeds too, since a carriage return would not be quoted and would begin a row.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([quoted(name) for name in header])
    writer.writerows([quoted(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def quoted(cell: object) -> object:
    """A cell as it is written: text that a spreadsheet may execute gets an apostrophe in front.

    That is text whose first character, after any spaces, begins a formula, such as "=" or "@", unless all of it is a
    number, such as "-0.5".
    """
    if not isinstance(cell, str):
        return cell
    text = cell.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    if not text.isascii() or "_" in text or text != text.strip():
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True
