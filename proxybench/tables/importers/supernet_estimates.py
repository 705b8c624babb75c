"""Estimates with the weights of supernets that this project trained, written by `experiments/one_shot.py --collect`.

Parquet, one row for each architecture and seed of the supernets, a column for each method and kind of estimate; the
schema's metadata contain the setting as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from proxybench.readers.columns import read_parquet
from proxybench.readers.json_text import parse_json
from proxybench.readers.untrusted import reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping
from proxybench.tables.store.schema import KEY_TYPES, KEYS, UNTRAINED, Fragment

SETTING = b"proxybench"
FORMAT = 1
COLUMNS = ("oneshot:", "oneshot_s:", "supernet_s:")  # beginnings of their names


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """All rows of the file, at 0 epochs, with the seed of the supernet.

    Raises:
        CorruptData: for a file of another space or format, another column, a seed that is not a number, or an
            architecture that occurs twice with the same seed.
    """
    (path,) = paths
    with reading(path):
        table = read_parquet(path)
        setting = mapping(parse_json((table.schema.metadata or {})[SETTING]), "the setting")
        if setting["format"] != FORMAT:
            raise ValueError(f"format {setting['format']!r}; this version reads format {FORMAT}")
        if setting["space"] != space.name:
            raise ValueError(f"architectures of {setting['space']!r}, not of {space.name}")
        values = pa.table(
            {name: table.column(name).cast(KEY_TYPES.get(name, "float64")) for name in _columns(table)}
        ).combine_chunks()
        _check_keys(values)
        return Fragment(values, tuple(_notes(values, setting)))


def _columns(table: pa.Table) -> list[str]:
    """Keys, then estimates and their times. Raises ValueError for a missing key or another column."""
    missing = [name for name in KEYS if name not in table.column_names]
    if missing:
        raise ValueError(f"columns missing: {', '.join(missing)}")
    others = [name for name in table.column_names if name not in KEYS]
    for name in others:
        if not name.startswith(COLUMNS):
            raise ValueError(f"the column {name} is neither an estimate nor its time")
    return [*KEYS, *others]


def _check_keys(values: pa.Table) -> None:
    keys = values.select(list(KEYS))
    if any(column.null_count for column in keys.columns):
        raise ValueError("a row lacks its architecture, dataset, epochs or seed")
    if not pc.all(pc.equal(values.column("epochs"), UNTRAINED["epochs"])).as_py():
        raise ValueError("an estimate is not at 0 epochs")
    if not pc.all(pc.match_substring_regex(values.column("seed"), r"^[0-9]+$")).as_py():
        raise ValueError("a seed is not the number of a supernet")
    if keys.group_by(list(KEYS)).aggregate([]).num_rows != keys.num_rows:
        raise ValueError("an architecture occurs twice with the same seed")


def _notes(values: pa.Table, setting: Mapping[str, Any]) -> Iterator[str]:
    seeds = sorted(set(values.column("seed").to_pylist()), key=int)
    yield (
        f"Estimates with the weights of supernets that this project trained, {len(seeds)} of each method (seeds "
        f"{', '.join(seeds)}): oneshot:METHOD is the accuracy on the validation images in percent, oneshot:METHOD-loss "
        "the negative loss in nats."
    )
    for name, how in mapping(setting["supernets"], "the supernets").items():
        yield f"oneshot:{name}: {how}."
