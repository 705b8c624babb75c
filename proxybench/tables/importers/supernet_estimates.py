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

from proxybench.readers.untrusted import reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping
from proxybench.tables.importers.own_files import check_distinct, read_own
from proxybench.tables.store.schema import UNTRAINED, Fragment

COLUMNS = ("oneshot:", "oneshot_s:", "supernet_s:")  # beginnings of their names


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """All rows of the file, at 0 epochs, with the seed of the supernet.

    Raises:
        CorruptData: for a file of another space or format, another column, a seed that is not a number, or an
            architecture that occurs twice with the same seed.
    """
    (path,) = paths
    with reading(path):
        values, setting = read_own(path, space, _check_name)
        _check_seeds(values)
        check_distinct(values)
        return Fragment(values, tuple(_notes(values, setting)))


def _check_name(name: str) -> None:
    if not name.startswith(COLUMNS):
        raise ValueError(f"the column {name} is neither an estimate nor its time")


def _check_seeds(values: pa.Table) -> None:
    if not pc.all(pc.equal(values.column("epochs"), UNTRAINED["epochs"])).as_py():
        raise ValueError("an estimate is not at 0 epochs")
    if not pc.all(pc.match_substring_regex(values.column("seed"), r"^[0-9]+$")).as_py():
        raise ValueError("a seed is not the number of a supernet")


def _notes(values: pa.Table, setting: Mapping[str, Any]) -> Iterator[str]:
    seeds = sorted(set(values.column("seed").to_pylist()), key=int)
    yield (
        f"Estimates with the weights of supernets that this project trained, {len(seeds)} of each method (seeds "
        f"{', '.join(seeds)}): oneshot:METHOD is the accuracy on the validation images in percent, oneshot:METHOD-loss "
        "the negative loss in nats."
    )
    for name, how in mapping(setting["supernets"], "the supernets").items():
        yield f"oneshot:{name}: {how}."
