"""Reuse scores from the table of an earlier sweep with the same setting, even from another machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from proxybench.jobs.chunked_work import ChunkedWork
from proxybench.jobs.work_folder import OtherSetting, differences
from proxybench.readers.columns import read_parquet
from proxybench.scores.score_file import read_scores


def require_same_setting(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise OtherSetting, naming the differences, unless the setting of the table at `path` is the one here."""
    different = list(differences(dict(there), dict(here)))
    if different:
        raise OtherSetting(f"{path} has another setting: {'; '.join(different)}")


def take_over(work: ChunkedWork, path: Path) -> int:
    """Write the shards of `work` whose architectures are all in a table from `merge`; returns their number.

    Node values have the mantissa bits kept in the table. Architectures that failed there are computed again.

    Raises:
        FileNotFoundError: if the file does not exist.
        CorruptData: if the file is not a table of scores.
        OtherSetting: if the table has another setting; names the differences.
    """
    known = read_scores(path)
    require_same_setting(path, known.setting, work.plan["setting"])
    table = read_parquet(path).replace_schema_metadata({})
    row_of = {digest: row for row, digest in enumerate(known.digests) if not known.errors[row]}
    taken = 0
    for number in work.missing():
        digests = work.items_of(number).column("digest").to_pylist()
        if all(digest in row_of for digest in digests):
            work.write(number, table.take(pa.array([row_of[digest] for digest in digests])))
            taken += len(digests)
    return taken
