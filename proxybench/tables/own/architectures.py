"""Which architecture each row is about: text of a search space, a graph, or a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import InvalidArchitecture
from proxybench.readers.json_text import parse_json
from proxybench.spaces import SearchSpace, get_space
from proxybench.spaces.configurations import Value, canonical, flat
from proxybench.tables.own.features import feature_columns
from proxybench.tables.own.rows import Plain, Rows

GRAPHS = "graphs"
CONFIGURATIONS = "configurations"
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Identified:
    """The architectures of n rows.

    Attributes:
        space: the space that parses the texts.
        archs: different architectures as text in the space's own form, in the order of their first row.
        of_row: int64[n], the architecture of each row.
        features: columns of numbers known for every architecture, float64[len(archs)].
        notes: sentences for the card.
    """

    space: SearchSpace
    archs: list[str]
    of_row: NDArray[np.int64]
    features: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    notes: Sequence[str] = ()


def architectures_of_space(rows: Rows, column: str, space: SearchSpace) -> Identified:
    """The architectures named by a column of texts.

    Raises:
        InvalidTable: naming row and column, if the space cannot parse a text.
        UnknownName: if there is no such column.
    """
    return _identified(rows, column, space, lambda text: space.format(space.parse(text)))


def architectures_of_graphs(rows: Rows, column: str) -> Identified:
    """The architectures of a column of graphs as JSON, {"ops": [...], "edges": [[i, j], ...]}; raises as above."""
    space = get_space(GRAPHS)
    return _identified(rows, column, space, lambda text: space.format(space.parse(text)))


def architectures_of_configurations(rows: Rows, columns: Sequence[str]) -> Identified:
    """The architectures of one column of configurations as JSON objects, or of one column for each field.

    A single column holds JSON objects if its first value starts with a brace.

    Raises:
        InvalidTable: naming row and column, if a value is not a configuration.
        UnknownName: if there is no such column.
    """
    space = get_space(CONFIGURATIONS)
    first = rows.column(columns[0])
    as_json = len(columns) == 1 and isinstance(first[0], str) and first[0].lstrip().startswith("{")
    if as_json:
        found = _identified(rows, columns[0], space, lambda text: canonical(parse_json(text.encode())))
    else:
        fields = {name: _typed(rows.column(name)) for name in columns}
        found = _grouped(
            space,
            [
                _canonical_row(rows, row, columns, {name: fields[name][row] for name in columns})
                for row in range(rows.length)
            ],
        )
    features, notes = feature_columns([flat(parse_json(text.encode())) for text in found.archs])
    return Identified(space, found.archs, found.of_row, features, notes)


def _canonical_row(rows: Rows, row: int, columns: Sequence[str], fields: Mapping[str, Any]) -> str:
    try:
        return canonical(fields)
    except ValueError as error:
        raise rows.wrong(row, columns[0] if len(columns) == 1 else ", ".join(columns[:3]), str(error)) from None


def _identified(rows: Rows, column: str, space: SearchSpace, text_of: Callable[[str], str]) -> Identified:
    """Architectures from one column; equal values are read once."""
    known: dict[str, str] = {}
    texts = []
    for row, value in enumerate(rows.column(column)):
        if not isinstance(value, str) or not value.strip():
            shown = (
                "is missing" if value is None or value == "" else f"is {value!r:.60}, not the text of an architecture"
            )
            raise rows.wrong(row, column, shown)
        if value not in known:
            try:
                known[value] = text_of(value)
            except (InvalidArchitecture, ValueError) as error:
                raise rows.wrong(row, column, str(error)) from None
        texts.append(known[value])
    return _grouped(space, texts)


def _grouped(space: SearchSpace, texts: Sequence[str]) -> Identified:
    places: dict[str, int] = {}
    of_row = np.array([places.setdefault(text, len(places)) for text in texts], dtype=np.int64)
    return Identified(space, list(places), of_row)


def _typed(values: Sequence[Plain]) -> list[Value]:
    """Fields of a file of text as numbers or truth values, if all of them are; empty text is missing."""
    present = [value for value in values if not (value is None or value == "" or value != value)]
    if not all(isinstance(value, str) for value in present):
        return [None if value is None or value == "" or value != value else value for value in values]
    texts = {str(value).strip() for value in present}
    if texts and texts <= {"true", "false", "True", "False"}:
        return [_TRUTH.get(str(value).strip().lower()) for value in values]
    numbers = {text: number for text in texts if (number := _number(text)) is not None}
    if len(numbers) == len(texts):
        return [numbers.get(str(value).strip()) for value in values]
    return [None if value is None or value == "" else str(value) for value in values]


def _number(text: str) -> int | float | None:
    """The number that a text writes; None if it is none, or not finite."""
    try:
        return int(text) if text.lstrip("+-").isdecimal() else _finite(float(text.replace("_", "?")))
    except ValueError:
        return None


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
