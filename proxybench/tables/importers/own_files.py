"""Parquet files with results that this project computed: keys, values, and the setting as JSON in the metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from proxybench.readers.columns import read_parquet
from proxybench.readers.json_text import parse_json
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping
from proxybench.tables.store.schema import KEY_TYPES, KEYS

SETTING = b"proxybench"
FORMAT = 1


def read_own(path: Path, space: SearchSpace, check_name: Callable[[str], object]) -> tuple[pa.Table, Mapping[str, Any]]:
    """Keys and values of a file, and its setting.

    Args:
        path: the file.
        space: the space of its architectures.
        check_name: raises for a column that the file may not have, keys apart.

    Raises:
        ValueError: for another format or space, a missing column, or a row without all keys.
        CorruptData: for a file that is not Parquet, or whose setting is not a mapping.
    """
    table = read_parquet(path)
    setting = mapping(parse_json((table.schema.metadata or {})[SETTING]), "the setting")
    if setting["format"] != FORMAT:
        raise ValueError(f"format {setting['format']!r}; this version reads format {FORMAT}")
    if setting["space"] != space.name:
        raise ValueError(f"architectures of {setting['space']!r}, not of {space.name}")
    if missing := [name for name in KEYS if name not in table.column_names]:
        raise ValueError(f"columns missing: {', '.join(missing)}")
    others = [name for name in table.column_names if name not in KEYS]
    for name in others:
        check_name(name)
    values = pa.table(
        {name: table.column(name).cast(KEY_TYPES.get(name, "float64")) for name in (*KEYS, *others)}
    ).combine_chunks()
    if any(values.column(name).null_count for name in KEYS):
        raise ValueError("a row lacks its architecture, dataset, epochs or seed")
    return values, setting


def check_distinct(values: pa.Table) -> None:
    """Raise ValueError if two rows have the same keys."""
    if values.group_by(list(KEYS)).aggregate([]).num_rows != values.num_rows:
        raise ValueError("an architecture occurs twice with the same dataset, epochs and seed")
