"""The tables that this project trained itself, as `proxybench train-table` writes them.

Parquet, one row for each (architecture, dataset, epochs, seed); the schema's metadata contain the setting as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from proxybench.readers.untrusted import reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping
from proxybench.tables.importers.own_files import check_distinct, read_own
from proxybench.tables.store.schema import KEYS, Fragment, metric_of


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """All rows of the file, in its order; architectures are in the order in which they were drawn.

    Rows at 0 epochs have the values that need no training, the others the state of one training after that many
    epochs. A training that diverged has NaN.

    Raises:
        CorruptData: for a file of another space or format, a row that occurs twice, a seed that is not the number of a
            run, or a percentage outside 0 to 100.
    """
    (path,) = paths
    with reading(path):
        values, setting = read_own(path, space, metric_of)
        _check_seeds(values)
        check_distinct(values)
        _check_percentages(values)
        return Fragment(values, tuple(_notes(values, setting)))


def _check_seeds(values: pa.Table) -> None:
    untrained = pc.equal(values.column("epochs"), 0)
    named = pc.match_substring_regex(values.column("seed"), r"^[0-9]+$")
    empty = pc.equal(values.column("seed"), "")
    if not pc.all(pc.if_else(untrained, empty, named)).as_py():
        raise ValueError('a seed is neither the number of a run nor, at 0 epochs, ""')


def _check_percentages(values: pa.Table) -> None:
    for name in values.column_names:
        if name in KEYS or metric_of(name).unit != "percent":
            continue
        column = values.column(name)
        # False for NaN, which is a training that diverged.
        outside = pc.or_(pc.less(column, 0), pc.greater(column, 100))
        if pc.any(outside).as_py():
            raise ValueError(f"{name} is not a percentage in some row")


def _notes(values: pa.Table, setting: Mapping[str, Any]) -> Iterator[str]:
    """What was trained, and what is missing."""
    budgets = sorted(set(values.column("epochs").to_pylist()) - {0})
    seeds = sorted(set(values.column("seed").to_pylist()) - {""}, key=int)
    yield (
        f"Trained by this project: {len(pc.unique(values.column('arch'))):,} architectures, each {len(seeds)} times "
        f"(seeds {', '.join(seeds)}), measured after {', '.join(map(str, budgets))} epochs."
    )
    if failed := mapping(setting.get("failed", {}), "the failures"):
        yield f"{len(failed)} architectures could not be trained; they have no accuracies."
    if not setting.get("complete", True):
        yield "A first part of the architectures that were drawn; the others are not trained yet."
