"""Architectures that are described by columns alone: graphs of no nodes."""

from __future__ import annotations

import numpy as np
import pytest

from predictors import make
from predictors.arch import ArchBatch, ArchGraph
from predictors.encodings import ENCODINGS, encoding
from predictors.errors import MissingInput

NO_GRAPH = ArchGraph("", (), ())


@pytest.fixture(scope="module")
def batch() -> ArchBatch:
    rng = np.random.default_rng(0)
    return ArchBatch([NO_GRAPH] * 60, {"config:a": rng.normal(size=60), "config:b": rng.integers(0, 3, 60)})


@pytest.mark.parametrize("name", list(ENCODINGS))
def test_encodings_of_graphs_are_empty(batch: ArchBatch, name: str) -> None:
    rows = encoding(name).fit(batch).transform(batch)
    assert rows.shape == (60, 2 if name in ("columns", "all-columns") else 0)


@pytest.mark.parametrize("name", ["gbdt", "extra_trees", "random_forest", "gp", "knn", "ridge", "ensemble", "auto"])
def test_predictors_learn_from_columns(batch: ArchBatch, name: str) -> None:
    y = batch.columns["config:a"]
    predicted = make(name, random_state=0) if name not in ("knn", "ridge") else make(name)
    scores = predicted.fit(batch[:40], y[:40]).predict(batch[40:])
    assert np.corrcoef(scores, y[40:])[0, 1] > 0.6


@pytest.mark.parametrize("name", ["flan", "gates", "gcn", "gin", "graph_transformer", "pretrained", "gbdt_nas"])
def test_predictors_of_graphs_say_what_is_missing(batch: ArchBatch, name: str) -> None:
    with pytest.raises(MissingInput, match="described by columns alone; use a predictor that reads columns"):
        make(name).fit(batch, batch.columns["config:a"])
