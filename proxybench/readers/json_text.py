"""Untrusted JSON: its size is limited before parsing, and names in an object must be unique."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

MAX_DEPTH = 200
MAX_UNITS = 2**25  # of 64 bytes, so 2 GiB
# Units of a dictionary with its first entry, of a list, and of a further value.
_COSTS = {b"{": 5, b"[": 2, b",": 1, b":": 1}


def parse_json(data: bytes) -> Any:
    """The value of a JSON document in UTF-8, UTF-16 or UTF-32; NaN and infinities are numbers, as Python writes them.

    Raises:
        ValueError: if the text is not JSON, is nested more than MAX_DEPTH deep, may need more than MAX_UNITS of memory,
            or has an object in which a name occurs twice with different values.
        UnicodeDecodeError: for text in another encoding.
    """
    units = sum(cost * data.count(sign) for sign, cost in _COSTS.items())
    if units > MAX_UNITS:
        raise ValueError("JSON with too many values for 2 GiB of memory")
    try:
        value = json.loads(data, object_pairs_hook=unique_object)
    except RecursionError:
        raise ValueError(f"JSON nested more than {MAX_DEPTH} deep") from None
    _check_depth(value)
    return value


def unique_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads(..., object_pairs_hook=)`: an object whose repeated names have equal values.

    Raises:
        ValueError: if a name has two different values.
    """
    result = dict(pairs)
    if len(result) != len(pairs):
        for name, value in pairs:
            if result[name] != value and not (value != value and result[name] != result[name]):
                raise ValueError(f"{name[:80]!r} occurs twice, with different values")
    return result


def _check_depth(value: Any) -> None:
    """Walk level by level, so that no depth can exhaust the stack. Raises ValueError beyond MAX_DEPTH."""
    level: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            for inner in (outer if isinstance(outer, list) else outer.values())
            if isinstance(inner, list | dict)
        ]
        if not level:
            return
    raise ValueError(f"JSON nested more than {MAX_DEPTH} deep")
