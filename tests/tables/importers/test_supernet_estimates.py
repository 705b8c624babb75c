"""Estimates of supernets in a table that comes with the project: by seed, and nothing of the table before changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.editions import Needed
from proxybench.tables.importers.supernet_estimates import read
from proxybench.tables.shipped import ShippedTable
from proxybench.tables.sources.registry import parse_registry

SPACE = get_space("nasbench201")
ARCHS = [
    "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
    "|avg_pool_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|",
]
FIRST = """
[shipped]
trained = "tables/trained.parquet"
estimates = "tables/estimates.parquet"
[benchmarks.mine]
space = "nasbench201"
title = "two cells"
population = "Two."
citation = "nobody"
datasets = "cifar10"
sources = [{ importer = "trained:read", files = ["trained"] }]
"""
ADDED = """
[[benchmarks.mine.additions]]
sources = [{ importer = "supernet_estimates:read", files = ["estimates"] }]
"""
GOOD: dict[str, Any] = {
    "arch": [*ARCHS, *ARCHS],
    "dataset": ["cifar10"] * 4,
    "epochs": [0] * 4,
    "seed": ["0", "0", "1", "1"],
    "oneshot:spos": [30.0, 40.0, 50.0, 20.0],
    "supernet_s:spos": [60.0, 60.0, 70.0, 70.0],
}
SETTING = {"format": 1, "space": "nasbench201", "supernets": {"spos": "spos for 30 epochs"}}


def write(path: Path, setting: dict[str, Any] = SETTING, **columns: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    table = pa.table({**GOOD, **columns}).replace_schema_metadata({b"proxybench": json.dumps(setting)})
    pq.write_table(table, path)
    return path


def benchmark(paths: dict[str, Path], registry: str) -> Benchmark:
    return Benchmark(ShippedTable("mine", parse_registry(registry, "test").benchmark("mine"), paths, Path("none")))


@pytest.fixture
def paths(tmp_path: Path, write_trained) -> dict[str, Path]:
    trained = write_trained(tmp_path / "tables" / "trained.parquet", ARCHS)
    return {"trained": trained, "estimates": write(tmp_path / "tables" / "estimates.parquet")}


def test_a_seed_is_a_supernet_and_the_default_is_their_mean(paths: dict[str, Path]) -> None:
    bench = benchmark(paths, FIRST + ADDED)
    assert bench.seeds("oneshot:spos") == ["0", "1"]
    assert bench.values("oneshot:spos", seed=0).tolist() == [30.0, 40.0]
    assert bench.values("oneshot:spos", seed="1").tolist() == [50.0, 20.0]
    assert bench.values("oneshot:spos").tolist() == [40.0, 30.0]
    assert bench.values("supernet_s:spos", seed=1).tolist() == [70.0, 70.0]
    assert "oneshot:spos: spos for 30 epochs." in bench.card


def test_the_table_before_keeps_its_columns_and_its_recipe(paths: dict[str, Path]) -> None:
    before = benchmark(paths, FIRST)
    early = benchmark(paths, FIRST + ADDED).edition_with([Needed("cifar10", "test_acc")])
    assert early.recipe == before.recipe
    assert early.metrics() == before.metrics()
    np.testing.assert_array_equal(early.values("params"), before.values("params"))


def test_methods_do_not_see_the_estimates(paths: dict[str, Path]) -> None:
    assert [name for name in benchmark(paths, FIRST + ADDED).batch().columns if "spos" in name] == []


@pytest.mark.parametrize(
    ("setting", "columns", "message"),
    [
        ({**SETTING, "format": 2}, {}, "format 2"),
        ({**SETTING, "space": "darts"}, {}, "architectures of 'darts'"),
        (SETTING, {"val_acc": [1.0] * 4}, "val_acc is neither an estimate nor its time"),
        (SETTING, {"seed": ["0", "0", "", ""]}, "a seed is not the number of a supernet"),
        (SETTING, {"seed": ["0"] * 4}, "occurs twice"),
        (SETTING, {"epochs": [0, 0, 0, 1]}, "an estimate is not at 0 epochs"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, setting, columns, message: str) -> None:
    with pytest.raises(CorruptData, match=message):
        read([write(tmp_path / "wrong.parquet", setting, **columns)], SPACE)
