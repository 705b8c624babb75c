"""Scores of other proxies are added to a table of the same architectures."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from proxybench.errors import ProxybenchError
from proxybench.jobs.chunked_work import ChunkedWork
from proxybench.jobs.work_folder import OtherSetting, begin
from proxybench.scores.score_file import read_scores
from proxybench.sweeps.merge import merge
from proxybench.sweeps.widen import widen

DIGESTS = [f"{number:032x}" for number in range(3)]


def table_of(folder: Path, proxy: str, values: list[float], seed: int = 1, unanswered: str = "{}") -> Path:
    """A table of scores by one proxy, which took a second for the common pass and two for its own."""
    setting = {"space": "nasbench201", "seed": seed, "proxies": {proxy: {"target": proxy, "version": 1}}}
    digests = DIGESTS[: len(values)]
    items = pa.table({"digest": digests, "arch": [f"arch {digest[-1]}" for digest in digests]})
    work = begin(ChunkedWork(folder / proxy, "", setting, items, chunk=8))
    rows = len(values)
    work.write(
        0,
        items.append_column("error", pa.array([""] * rows))
        .append_column("unanswered", pa.array([unanswered] * rows))
        .append_column(f"proxy:{proxy}", pa.array(values))
        .append_column(f"nodes:{proxy}", pa.array([[value, 1.0] for value in values], pa.list_(pa.float64())))
        .append_column("seconds", pa.array([3.0] * rows))
        .append_column("seconds:batch pass", pa.array([1.0] * rows))
        .append_column(f"seconds:{proxy}", pa.array([2.0] * rows)),
    )
    merge(work, folder / f"{proxy}.parquet")
    return folder / f"{proxy}.parquet"


def test_a_table_gets_the_scores_nodes_and_seconds_of_another(tmp_path: Path) -> None:
    later = table_of(tmp_path, "snip", [1.0, 2.0, 3.0])
    earlier = table_of(tmp_path, "near", [0.5, float("nan"), 0.25], unanswered='{"near": "no activation"}')
    assert widen(later, earlier) == ["near"]
    found = read_scores(later)
    assert list(found.digests) == DIGESTS
    assert found.scores.columns.tolist() == ["proxy:near", "proxy:snip"]
    assert found.scores["proxy:snip"].tolist() == [1, 2, 3]
    assert found.scores["proxy:near"].tolist()[::2] == [0.5, 0.25]
    assert [found.nodes[f"nodes:{name}"][2].tolist() for name in ("near", "snip")] == [[0.25, 1], [3, 1]]
    assert found.seconds.iloc[0].to_dict() == {
        "seconds": 6,
        "seconds:batch pass": 2,
        "seconds:near": 2,
        "seconds:snip": 2,
    }
    assert found.unanswered[0] == {"near": "no activation"}
    assert sorted(found.setting["proxies"]) == ["near", "snip"]


def test_another_setting_other_architectures_and_a_proxy_twice_are_refused(tmp_path: Path) -> None:
    table = table_of(tmp_path, "snip", [1.0, 2.0])
    for folder in ("seeds", "archs", "twice"):
        (tmp_path / folder).mkdir()
    with pytest.raises(OtherSetting, match="seed is 2 there and 1 here"):
        widen(table, table_of(tmp_path / "seeds", "near", [1.0, 2.0], seed=2))
    with pytest.raises(ProxybenchError, match="other architectures: 3, here 2"):
        widen(table, table_of(tmp_path / "archs", "near", [1.0, 2.0, 3.0]))
    with pytest.raises(ProxybenchError, match="has scores of snip as well"):
        widen(table, table_of(tmp_path / "twice", "snip", [1.0, 2.0]))
