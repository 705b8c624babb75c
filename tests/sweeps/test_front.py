"""`pb.compute`: proxies of architectures' networks in one call."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import proxybench as pb
from proxybench.errors import ProxybenchError

torch = pytest.importorskip("torch")

SMALL = {"batch": 2, "resolution": 4, "network": {"channels": 2, "cells": 1}, "jobs": 1, "progress": False}
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"


def test_scores_of_given_architectures() -> None:
    space = pb.get_space("nasbench201")
    found = pb.compute("nasbench201", ["params", "nwot"], archs=[CELL, space.parse(CELL)], **SMALL)
    assert list(found.scores) == ["proxy:params", "proxy:nwot"]
    assert found.archs == [CELL]  # the same one twice
    network = space.build(space.parse(CELL), 10, (3, 4, 4), channels=2, cells=1)
    assert found.scores["proxy:params"].tolist() == [sum(p.numel() for p in network.parameters())]


def test_a_folder_keeps_the_work(tmp_path) -> None:
    first = pb.compute("nasbench201", "params", sample=3, folder=tmp_path, **SMALL)
    shards = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("shards/*.parquet")}
    again = pb.compute("nasbench201", "params", sample=3, folder=tmp_path, **SMALL)
    assert again.scores.equals(first.scores)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("shards/*.parquet")} == shards


def test_the_architectures_of_a_table(cache: Path) -> None:
    trained = pb.load("trained-nasbench201")
    rows = pd.DataFrame({"arch": trained.archs[:12], "test_acc": trained.values("test_acc", epochs=3)[:12]})
    few = pb.table(rows, arch="arch", targets="test_acc", space="nasbench201", name="few")
    found = pb.compute("nasbench201", "params", benchmark="few", **SMALL)
    assert set(found.digests) == set(few.digests) == set(trained.digests[:12])


def test_the_first_architectures_by_digest_are_a_part_of_all() -> None:
    bench = pb.load("trained-nasbench201")
    few = pb.compute("nasbench201", "params", benchmark="trained-nasbench201", first=3, **SMALL)
    more = pb.compute("nasbench201", "params", benchmark="trained-nasbench201", first=5, **SMALL)
    assert list(few.digests) == sorted(bench.digests)[:3]
    assert more.scores[:3].equals(few.scores)


def test_two_ways_to_name_architectures_exclude_each_other() -> None:
    with pytest.raises(ProxybenchError, match="exclude each other"):
        pb.compute("nasbench201", "params", archs=[CELL], sample=3, **SMALL)
    with pytest.raises(ProxybenchError, match="is of space nasbench201, not nasbench101"):
        pb.compute("nasbench101", "params", benchmark="trained-nasbench201", **SMALL)
