"""Rows of results made from a table that comes with the project."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import proxybench as pb


@pytest.fixture(autouse=True)
def own_cache(cache: Path) -> Path:
    return cache


@pytest.fixture
def frame() -> pd.DataFrame:
    """The first 40 cells of trained-nasbench201 with two seeds each: arch, seed, val_acc, test_acc, params."""
    bench = pb.load("trained-nasbench201")
    rows = []
    for seed in ("0", "1"):
        val, test = (bench.values(metric, epochs=3, seed=seed) for metric in ("val_acc", "test_acc"))
        params = bench.values("params")
        rows += [(bench.archs[row], int(seed), val[row], test[row], params[row]) for row in range(40)]
    return pd.DataFrame(rows, columns=["arch", "seed", "val_acc", "test_acc", "params"])
