"""Puts the user's rows together as the content of a table: architectures, seeds, results, free columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictors.errors import unknown_name
from proxybench.errors import InvalidTable
from proxybench.spaces import SearchSpace, get_space
from proxybench.tables.own.architectures import (
    CONFIGURATIONS,
    GRAPHS,
    Identified,
    architectures_of_configurations,
    architectures_of_graphs,
    architectures_of_space,
)
from proxybench.tables.own.rows import Rows
from proxybench.tables.own.targets import UNITS, ResultColumn, Unit, in_percent, numbers_of, result_columns
from proxybench.tables.store.merge import BlockKey, MeasuredColumn, MergedTable
from proxybench.tables.store.schema import METRICS, is_result, is_untrained

DATASET = "data"
PLAIN_NAME = re.compile(r"\w[\w.+-]{0,59}")  # of proxies and data sets, which become names of methods and files
_NAMES = "use up to 60 letters, digits and . _ + -"


@dataclass(frozen=True)
class Reading:
    """How the user's rows are to be read; see `table` for the fields."""

    targets: Sequence[str]
    arch: str | None = None
    space: str | SearchSpace | type[SearchSpace] | None = None
    graphs: str | None = None
    configs: bool | str | Sequence[str] = False
    seed: str | None = None
    columns: Sequence[str] = ()
    dataset: str = DATASET
    unit: Unit | None = None


def put_together(rows: Rows, how: Reading) -> tuple[MergedTable, Identified, list[str]]:
    """The content of the table, its architectures, and notes on how the rows were read.

    Raises:
        InvalidTable: naming row and column of what cannot be read.
        UnknownName: for an unknown column, metric or space; suggests the nearest.
    """
    if how.unit is not None and how.unit not in UNITS:
        raise unknown_name("unit", how.unit, UNITS)
    results = result_columns(how.targets, rows, how.dataset)
    for one in results:
        if not PLAIN_NAME.fullmatch(one.dataset):
            raise InvalidTable(f"{one.dataset!r} cannot name a data set; {_NAMES}")
    known = {_meaning(text, rows) for text in how.columns}
    found = _architectures(rows, how, [*(one.column for one in results), *(column for column, _ in known)])
    seeds, labels = _seeds(rows, how.seed)
    _refuse_repetitions(rows, found, seeds, how.seed)
    numbers = {one: numbers_of(rows, one.column) for one in results}
    values, unit = in_percent(rows, {one: pair[0] for one, pair in numbers.items()}, how.unit)
    table = MergedTable(found.archs)
    for one in results:
        for label, chosen in labels.items():
            column = _spread(len(found.archs), found.of_row[chosen], values[one][chosen], numbers[one][1][chosen])
            if column.measured.any():
                table.blocks.setdefault(BlockKey(one.dataset, one.epochs, label), {})[one.metric] = column
    _require_results(rows, table)
    for dataset in sorted({one.dataset for one in results}):
        free = {name: MeasuredColumn(one, ~np.isnan(one)) for name, one in found.features.items()}
        free |= {metric: _free_column(rows, column, found) for column, metric in sorted(known)}
        if free := {name: column for name, column in free.items() if column.measured.any()}:
            table.blocks[BlockKey(dataset, epochs=0, seed="")] = free  # UNTRAINED of the schema
    table.blocks = {key: table.blocks[key] for key in sorted(table.blocks)}
    return table, found, [*found.notes, *_reading_notes(rows, how, results, unit, len(labels))]


def _architectures(rows: Rows, how: Reading, used: Sequence[str]) -> Identified:
    given = [how.arch is not None, how.graphs is not None, bool(how.configs)]
    if sum(given) != 1:
        raise InvalidTable("say in one way what the architectures are: arch with a space, graphs, or configs")
    if how.arch is not None:
        if how.space is None:
            raise InvalidTable("architectures as text need their search space; without one, use graphs or configs")
        return architectures_of_space(rows, how.arch, _space(how.space))
    if how.space is not None:
        raise InvalidTable("a space goes with a column of architecture texts (arch), not with graphs or configs")
    if how.graphs is not None:
        return architectures_of_graphs(rows, how.graphs)
    if how.configs is True:
        others = {*used, *([how.seed] if how.seed else [])}
        columns = [name for name in rows.names if name not in others]
        for name in columns:
            if is_result(name) and _is_numeric(rows, name):
                raise InvalidTable(
                    f"{rows.origin}: column {name!r} looks like a result, which a configuration must not have; name it "
                    "as a target, or name the columns of the configuration"
                )
    else:
        columns = [how.configs] if isinstance(how.configs, str) else list(how.configs or ())
    if not columns:
        raise InvalidTable(f"{rows.origin}: no columns are left for the fields of configurations")
    return architectures_of_configurations(rows, columns)


def _is_numeric(rows: Rows, column: str) -> bool:
    try:
        numbers_of(rows, column)
    except InvalidTable:
        return False
    return True


def _space(space: str | SearchSpace | type[SearchSpace]) -> SearchSpace:
    if isinstance(space, type):
        return get_space(f"{space.__module__}:{space.__qualname__}")
    found = get_space(space if isinstance(space, str) else space.reference)
    if found.name in (GRAPHS, CONFIGURATIONS):
        raise InvalidTable(f"{found.name} is not a search space; give the column of {found.name} instead")
    return found


def _meaning(text: str, rows: Rows) -> tuple[str, str]:
    """The column and the metric of `COLUMN`, `METRIC` or `COLUMN=METRIC`; any other name is that of a proxy."""
    column, equals, metric = text.partition("=")
    if column not in rows.names:
        raise unknown_name("column", column, rows.names, f"of {rows.origin}")
    metric = metric if equals else column
    base = metric.partition(":")[0].partition("@")[0]
    if base not in METRICS:
        if not PLAIN_NAME.fullmatch(metric):
            raise InvalidTable(f"{rows.origin}: {metric!r} cannot name a proxy; {_NAMES}, as in {column}=my_proxy")
        metric = f"proxy:{metric}"
    if not is_untrained(metric):
        raise InvalidTable(f"{metric} is measured by training, so it is a target, not a column known without training")
    return column, metric


def _seeds(rows: Rows, column: str | None) -> tuple[list[str], dict[str, list[int]]]:
    """The seed of each row, and the rows of each seed."""
    if column is None:
        return ["0"] * rows.length, {"0": list(range(rows.length))}
    seeds: list[str] = []
    labels: dict[str, list[int]] = {}
    for row, value in enumerate(rows.column(column)):
        number = rows.number(row, column, value)
        if number is None or not float(number).is_integer() or number < 0:
            raise rows.wrong(
                row, column, f"{'missing' if value is None else repr(value)} is not a seed, a whole number"
            )
        seeds.append(str(int(number)))
        labels.setdefault(seeds[-1], []).append(row)
    return seeds, labels


def _refuse_repetitions(rows: Rows, found: Identified, seeds: Sequence[str], column: str | None) -> None:
    first: dict[tuple[int, str], int] = {}
    for row, key in enumerate(zip(found.of_row.tolist(), seeds, strict=True)):
        other = first.setdefault(key, row)
        if other != row:
            step = "remove one of them" if column else "name the column of seeds, or remove one of them"
            with_seed = f" and seed {key[1]}" if column else ""
            raise InvalidTable(
                f"{rows.origin}: rows {other + 1} and {row + 1} have the same architecture{with_seed} "
                f"({found.archs[key[0]][:80]}); {step}"
            )


def _spread(n: int, places: NDArray[np.int64], values: NDArray[np.float64], there: NDArray[np.bool_]) -> MeasuredColumn:
    column = MeasuredColumn(np.full(n, np.nan), np.zeros(n, dtype=bool))
    column.values[places[there]] = values[there]
    column.measured[places[there]] = True
    return column


def _free_column(rows: Rows, column: str, found: Identified) -> MeasuredColumn:
    """A column known without training, which must be the same in all rows of an architecture."""
    values, there = numbers_of(rows, column)
    result = _spread(len(found.archs), found.of_row, values, there)
    differing = there & ~((values == result.values[found.of_row]) | np.isnan(values))
    if differing.any():
        row = int(np.flatnonzero(differing)[0])
        raise rows.wrong(row, column, f"{values[row]:g} differs from another row of the same architecture")
    return result


def _require_results(rows: Rows, table: MergedTable) -> None:
    if not any(np.isfinite(column.values).any() for block in table.blocks.values() for column in block.values()):
        raise InvalidTable(f"{rows.origin}: no target has a finite value")


def _reading_notes(
    rows: Rows, how: Reading, results: Sequence[ResultColumn], unit: Unit | None, seeds: int
) -> list[str]:
    notes = [f"Made from {rows.length:,} rows of {rows.origin} by the user; none of it is checked by this project."]
    if unit is not None:
        stated = (
            "as stated" if how.unit else "since " + ("none is above 1" if unit == "fraction" else "some are above 1")
        )
        times = ", stored in percent" if unit == "fraction" else ""
        notes.append(f"Accuracies are read as {'fractions' if unit == 'fraction' else 'percentages'}, {stated}{times}.")
    if any(not one.stated for one in results):
        notes.append("The number of epochs is not stated; the only budget is called 1 epoch.")
    if how.seed:
        notes.append(f"Seeds are in column {how.seed}, which has {seeds} different value{'' if seeds == 1 else 's'}.")
    else:
        notes.append("Seeds are not stated; trainings have seed 0.")
    return notes
