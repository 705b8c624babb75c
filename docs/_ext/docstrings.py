"""Docstrings of this project as reStructuredText: single backquotes are code, indented paragraphs are examples.

Everything else in a docstring is plain text, in which `|dL/dw|`, `x_` and `*` mean nothing; they are escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SECTIONS = ("Args:", "Attributes:", "Returns:", "Raises:", "Yields:", "Shape:", "Source:", "Example:", "Examples:")
_CODE = re.compile(r"(`[^`]+`)")
_SPECIAL = re.compile(r"([*|\\])|(?<=\w)_(?!\w)|(?<!\w)_(?=\w)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the conversion, before the one of napoleon."""
    app.connect("autodoc-process-docstring", _convert, priority=100)
    return {"parallel_read_safe": True, "version": "1"}


def _convert(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(lines)
    if what in ("property", "attribute") and lines:  # napoleon takes what is before a colon for a type
        lines[0] = lines[0].replace(": ", "; ")


def as_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText with the sections of Google's style."""
    found: list[str] = []
    in_section = in_example = False
    for number, line in enumerate(lines):
        blank, indented = not line.strip(), line.startswith("    ")
        if not blank and not indented:
            in_section, in_example = line.strip() in SECTIONS, False
        after_blank = number > 0 and not lines[number - 1].strip()
        if indented and after_blank and not in_section and not in_example:
            in_example = True
            found += [".. code-block:: python", ""]
        found.append(line if in_example else _escaped(line))
    return found


def _escaped(line: str) -> str:
    parts = _CODE.split(line)
    return "".join(_literal(part) if part.startswith("`") else _SPECIAL.sub(r"\\\g<0>", part) for part in parts)


def _literal(part: str) -> str:
    return f"``{part.strip('`')}``"
