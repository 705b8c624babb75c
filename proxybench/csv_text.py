"""CSV that is safe in spreadsheets: cells that would be read as formulas are quoted, numbers stay numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and the full-width forms


def csv_bytes(header: Sequence[str], rows: Iterable[Iterable[object]]) -> bytes:
    """The header and the rows as CSV in UTF-8, lines ending in a line feed; None is an empty cell.

    Line ends within a cell become line feeds too, since a carriage return would not be quoted and would start a row.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([quoted(name) for name in header])
    writer.writerows([quoted(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def quoted(cell: object) -> object:
    """A cell as written: text that a spreadsheet may execute is prefixed with an apostrophe.

    This is text whose first character after any spaces starts a formula, for example "=" or "@", unless the whole text
    is a number, for example "-0.5".
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
