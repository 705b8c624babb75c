"""Checks that importers apply to the values of untrusted files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.tables.store.schema import KEYS

Row = Mapping[str, Any]


def number(value: object, what: str) -> float:
    """`value` as a float. Raises ValueError for anything else; a truth value is not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{what} is {value!r}, not a number")
    return float(value)


def percent(value: object, what: str) -> float:
    """A number from 0 to 100, or NaN. Raises ValueError for anything else."""
    checked = number(value, what)
    if checked < 0 or checked > 100:
        raise ValueError(f"{what} is {checked}, not a percentage")
    return checked


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """`value` as a mapping. Raises ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {value!r:.60}, not an object")
    return value


def sequence(value: object, what: str) -> Sequence[Any]:
    """`value` as a list. Raises ValueError for anything else."""
    if not isinstance(value, list):
        raise ValueError(f"{what} is {value!r:.60}, not a list")
    return value


def unique_rows(path: Path, rows: Iterable[Row]) -> list[Row]:
    """The rows without repetitions.

    Raises:
        CorruptData: if two rows with the same architecture, dataset, epochs and seed have different values.
    """
    seen: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in KEYS)
        first = seen.setdefault(key, row)
        for metric in row.keys() | first.keys():
            old, new = first.get(metric), row.get(metric)
            if old != new and not (old != old and new != new):
                raise CorruptData(f"{path}: {key} occurs twice, with {metric} {old!r} and {new!r}")
    return list(seen.values())
