"""One table of two sweeps that scored the same architectures in the same setting by different proxies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from proxybench.errors import ProxybenchError
from proxybench.readers.columns import read_parquet
from proxybench.readers.json_text import parse_json
from proxybench.scores.score_file import SWEEP, SweepScores, read_scores
from proxybench.sweeps.known import require_same_setting
from proxybench.sweeps.merge import write_groups

SECONDS = "seconds"


def widen(table: Path, earlier: Path) -> list[str]:
    """Add the scores of an earlier sweep to a table, both written by `merge`; returns the names of the added proxies.

    Times of the same pass over a network are added, because each sweep ran the pass.

    Raises:
        FileNotFoundError: if the table does not exist.
        CorruptData: if it is not a table of scores.
        Exception: like `require_matching`.
    """
    here = read_scores(table)
    there = require_matching(earlier, here.setting, here.digests)
    about = _about(table)
    about["setting"]["proxies"] = dict(sorted({**there.setting["proxies"], **here.setting["proxies"]}.items()))
    about["node bits"] = max(about["node bits"], _about(earlier)["node bits"])
    joined = _joined(read_parquet(table), read_parquet(earlier))
    write_groups([joined.replace_schema_metadata({SWEEP: json.dumps(about).encode()})], table)
    return sorted(there.setting["proxies"])


def require_matching(earlier: Path, setting: Mapping[str, Any], digests: Sequence[str]) -> SweepScores:
    """The scores of an earlier sweep, if a table of this setting and these digests, sorted, can get them as well.

    Raises:
        FileNotFoundError: if the earlier file does not exist.
        CorruptData: if it is not a table of scores.
        OtherSetting: if the settings differ in more than the proxies; names the differences.
        ProxybenchError: if both have scores of one proxy, or the architectures differ.
    """
    there = read_scores(earlier)
    require_same_setting(earlier, _without_proxies(there.setting), _without_proxies(setting))
    twice = sorted(set(setting["proxies"]) & set(there.setting["proxies"]))
    if twice:
        raise ProxybenchError(f"{earlier} has scores of {', '.join(twice)} as well; compute only other proxies")
    if list(digests) != list(there.digests):
        raise ProxybenchError(f"{earlier} has other architectures: {len(there.digests)}, here {len(digests)}")
    return there


def _without_proxies(setting: Any) -> dict[str, Any]:
    return {name: value for name, value in dict(setting).items() if name != "proxies"}


def _about(path: Path) -> dict[str, Any]:
    return dict(parse_json(pq.read_schema(path).metadata[SWEEP]))


def _joined(here: pa.Table, there: pa.Table) -> pa.Table:
    """The columns of two tables with the same rows: first those of every architecture, then scores, nodes, times."""
    here, there = here.replace_schema_metadata(None), there.replace_schema_metadata(None)
    columns = {name: here.column(name) for name in ("digest", "arch")}
    columns["error"] = pa.array([mine or other for mine, other in _pairs(here, there, "error")])
    columns["unanswered"] = pa.array(
        [json.dumps(json.loads(other) | json.loads(mine)) for mine, other in _pairs(here, there, "unanswered")]
    )
    for kind in ("proxy:", "nodes:", SECONDS):
        for name in sorted({name for part in (here, there) for name in part.column_names if name.startswith(kind)}):
            found = [part.column(name) for part in (here, there) if name in part.column_names]
            columns[name] = found[0] if len(found) == 1 else _sum(*found)
    return pa.table(columns).combine_chunks()


def _pairs(here: pa.Table, there: pa.Table, name: str) -> zip[tuple[str, str]]:
    return zip(here.column(name).to_pylist(), there.column(name).to_pylist(), strict=True)


def _sum(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    """The sum of two columns, a missing value counting as zero; missing where both are."""
    both = pc.add(pc.fill_null(one, 0.0), pc.fill_null(other, 0.0))
    return pc.if_else(pc.and_(pc.is_null(one), pc.is_null(other)), pa.scalar(None, pa.float64()), both)
