"""The columns that hold measured results: which metric and epochs each is, in which unit, and its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from predictors.errors import unknown_name
from proxybench.errors import InvalidTable
from proxybench.grammar import Quantity
from proxybench.tables.own.rows import Rows
from proxybench.tables.store.schema import METRICS, is_untrained, metric_of

Unit = Literal["percent", "fraction"]
UNITS = ("percent", "fraction")
ONE_BUDGET = 1  # epochs of results whose training time is not stated
_PERCENT = "percent"


@dataclass(frozen=True)
class ResultColumn:
    """A column of results.

    Attributes:
        column: its name in the user's rows.
        metric: the metric that it measures.
        epochs: epochs of training; ONE_BUDGET if not stated.
        dataset: data set that it was measured on.
        stated: whether the epochs were stated.
    """

    column: str
    metric: str
    epochs: int
    dataset: str
    stated: bool

    def __str__(self) -> str:
        return f"{self.metric} on {self.dataset}" + (f" after {self.epochs} epochs" if self.stated else "")


def result_columns(targets: Sequence[str], rows: Rows, dataset: str) -> list[ResultColumn]:
    """The columns named by `[COLUMN=][DATASET/]METRIC[@EPOCHS]`; without COLUMN it is called like the text or METRIC.

    Raises:
        UnknownName: for an unknown column or metric; suggests the nearest.
        InvalidTable: if no target is named, one is known without training, or two are the same.
        InvalidText: if a text is not a quantity.
    """
    if not targets:
        raise InvalidTable("name at least one column of results, such as val_acc@108 or accuracy=test_acc")
    found: dict[tuple[str, str, int], ResultColumn] = {}
    for text in targets:
        one = _result_column(text, rows, dataset)
        first = found.setdefault((one.dataset, one.metric, one.epochs), one)
        if first is not one:
            raise InvalidTable(
                f"columns {first.column!r} and {one.column!r} are both {one}; give one of them another metric"
            )
    return list(found.values())


def _result_column(text: str, rows: Rows, dataset: str) -> ResultColumn:
    column, equals, meaning = text.partition("=")
    quantity = Quantity.parse(meaning if equals else text)
    if not equals:
        column = text if text in rows.names else quantity.metric
    if column not in rows.names:
        raise unknown_name("column", column, rows.names, f"of {rows.origin}")
    base = quantity.metric.partition("@")[0].partition(":")[0]
    if base not in METRICS:
        raise InvalidTable(
            f"{unknown_name('metric', quantity.metric, METRICS)} Say which metric a column is: {column}=test_acc@EPOCHS"
        )
    if is_untrained(quantity.metric):
        raise InvalidTable(f"{quantity.metric} is known without training, so it is not a target; name it as a column")
    if quantity.seed is not None:
        raise InvalidTable(f"{text!r} names a seed; name the column of seeds instead")
    epochs = quantity.epochs
    if epochs is not None and epochs < 1:
        raise InvalidTable(f"{text!r}: a training takes at least one epoch")
    return ResultColumn(column, quantity.metric, epochs or ONE_BUDGET, quantity.dataset or dataset, epochs is not None)


def numbers_of(rows: Rows, column: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A column as float64[n], and which values are there; infinite values become NaN, a failed training.

    Raises:
        InvalidTable: naming row and column of a value that is not a number.
    """
    found = [rows.number(row, column, value) for row, value in enumerate(rows.column(column))]
    there = np.array([value is not None for value in found])
    values = np.array([math.nan if value is None else value for value in found], dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan), there


def in_percent(
    rows: Rows, columns: Mapping[ResultColumn, NDArray[np.float64]], unit: Unit | None
) -> tuple[dict[ResultColumn, NDArray[np.float64]], Unit | None]:
    """The values with accuracies in percent, and the unit in which they were given; None without accuracies.

    Args:
        rows: where the values come from, for messages.
        columns: float64[n] each.
        unit: unit of all accuracies; None to infer it: fractions if none is above 1, otherwise percent.

    Raises:
        InvalidTable: naming row and column, if a value is out of range, or fractions and percentages are mixed.
    """
    accuracies = {one: values for one, values in columns.items() if metric_of(one.metric).unit == _PERCENT}
    if not accuracies:
        return dict(columns), None
    given = unit if unit is not None else _inferred(rows, accuracies)
    limit = 1.0 if given == "fraction" else 100.0
    for one, values in accuracies.items():
        outside = np.flatnonzero((values < 0) | (values > limit))
        if len(outside):
            row = int(outside[0])
            raise rows.wrong(row, one.column, f"{values[row]:g} is not an accuracy as a {given}, from 0 to {limit:g}")
    scale = 100.0 if given == "fraction" else 1.0
    return {one: values * scale if one in accuracies else values for one, values in columns.items()}, given


def _inferred(rows: Rows, accuracies: Mapping[ResultColumn, NDArray[np.float64]]) -> Unit:
    small: tuple[int, str, float] | None = None
    large: tuple[int, str, float] | None = None
    for one, values in accuracies.items():
        for row in np.flatnonzero((values > 0) & (values < 1))[:1].tolist():
            small = small or (row, one.column, float(values[row]))
        for row in np.flatnonzero(values > 1)[:1].tolist():
            large = large or (row, one.column, float(values[row]))
    if small and large:
        raise InvalidTable(
            f"{rows.origin}: row {large[0] + 1}, column {large[1]!r} has {large[2]:g} and row {small[0] + 1}, column "
            f"{small[1]!r} has {small[2]:g}: percentages mixed with fractions? If all are percentages, say so with the "
            "unit percent"
        )
    return "percent" if large else "fraction"
