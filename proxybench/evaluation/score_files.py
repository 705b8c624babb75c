"""Scores computed elsewhere, in a CSV or parquet file: one row per architecture, one column per score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import InvalidArchitecture, InvalidTable
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.own.assembly import PLAIN_NAME
from proxybench.tables.own.rows import Rows, rows_of_csv, rows_of_parquet

_KEYS = ("arch", "digest")
_SWEEP = "proxy:"  # prefix of the scores in files that `proxybench compute` writes


def rows_of(path: Path) -> Rows:
    """The rows of a file of scores.

    Raises:
        InvalidTable: if it is neither CSV nor parquet, has no rows, or neither a column `arch` nor `digest`.
        DataNotAvailable: if it does not exist.
        CorruptData: if it is damaged.
    """
    readers = {".csv": rows_of_csv, ".parquet": rows_of_parquet}
    if path.suffix not in readers:
        raise InvalidTable(f"{path}: scores are read from .csv and .parquet files")
    rows = readers[path.suffix](path)
    if not any(key in rows.names for key in _KEYS):
        raise InvalidTable(
            f"{path.name}: needs a column 'arch' of architecture texts or 'digest'; it has {', '.join(rows.names[:20])}"
        )
    return rows


def score_columns(path: Path) -> dict[str, str]:
    """The scores of a file: name of the method to column.

    A file of `proxybench compute` has columns `proxy:NAME`, and only these are scores; in any other file every column
    but `arch` and `digest` is one.

    Raises:
        InvalidTable, DataNotAvailable, CorruptData: as `rows_of` does; and if the file has no scores.
    """
    names = [name for name in rows_of(path).names if name not in _KEYS]
    swept = [name for name in names if name.startswith(_SWEEP)]
    if not names:
        raise InvalidTable(f"{path.name}: has no column of scores")
    methods = {name.removeprefix(_SWEEP): name for name in swept or names}
    for name in methods:
        if not PLAIN_NAME.fullmatch(name):
            raise InvalidTable(f"{path.name}: column {name!r} cannot name a method; use letters, digits and . _ + -")
    return methods


@dataclass(frozen=True)
class _Scores:
    """The scores of a column by the architecture's text, if known, and by its digest."""

    by_text: dict[str, float]
    by_digest: dict[str, float]


def scores_of_file(
    path: Path, column: str, bench: Benchmark, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The scores of some rows of a table, float64[n], and the mask of those the file names; NaN is a failed score.

    An architecture takes the score of its own text; without one, that of an architecture with the same digest.

    Raises:
        InvalidTable: naming row and column of what cannot be read, or if the file has none of the architectures.
    """
    known = _read(path, path.stat().st_mtime_ns, column, bench)
    found = [known.by_text.get(bench.archs[row], known.by_digest.get(bench.digests[row])) for row in rows.tolist()]
    attempted = np.array([score is not None for score in found])
    if not attempted.any():
        raise InvalidTable(f"{path.name}: has none of the architectures of {bench.name}")
    return np.array([np.nan if score is None else score for score in found]), attempted


@cache
def _read(path: Path, modified: int, column: str, bench: Benchmark) -> _Scores:
    rows = rows_of(path)
    key = next(name for name in _KEYS if name in rows.names)
    scores = _Scores({}, {})
    values = rows.column(column)
    for row, name in enumerate(rows.column(key)):
        if not isinstance(name, str) or not name:
            raise rows.wrong(row, key, "the architecture is missing")
        score = rows.number(row, column, values[row])
        score = np.nan if score is None else score
        if key == "digest":
            texts, digest = {}, name
        else:
            try:
                arch = bench.space.parse(name)
            except InvalidArchitecture as error:
                raise rows.wrong(row, key, str(error)) from None
            texts, digest = {bench.space.format(arch): score}, bench.space.digest(arch)
        for text in texts:
            if not _same(scores.by_text.setdefault(text, score), score):
                raise rows.wrong(row, key, "the architecture occurs twice, with different scores")
        first = scores.by_digest.setdefault(digest, score)
        if key == "digest" and not _same(first, score):
            raise rows.wrong(row, key, "the digest occurs twice, with different scores")
    return scores


def _same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)
