"""A reader for JavaScript files that are one assignment of a JSON value, as web pages load their data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from proxybench.readers.json_text import parse_json
from proxybench.readers.untrusted import read_bytes, reading

_START = re.compile(rb"\s*(?:(?:var|let|const)\s+)?([A-Za-z_$][A-Za-z0-9_$]{0,99})\s*=\s*")


def read_assignment(path: Path, name: str) -> Any:
    """The value in a file of the form `NAME = JSON;`. Nothing is run, and any other script is refused.

    Raises:
        CorruptData: if the file is not of this form, or assigns another variable.
        OSError: if the file does not exist or cannot be read.
    """
    with reading(path):
        data = read_bytes(path)
        start = _START.match(data)
        if start is None or start[1].decode() != name:
            raise ValueError(f"does not start with the assignment of {name}")
        return parse_json(data[start.end() :].rstrip().removesuffix(b";"))
