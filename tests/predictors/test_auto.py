"""The default predictor: which candidates it tries, and its report."""

from __future__ import annotations

import numpy as np
import pytest

from predictors import make
from predictors.arch import ArchBatch, ArchGraph
from predictors.checks import example_batch

RANDOM = np.random.default_rng(0)
FLAT = ArchBatch([ArchGraph("", (), ())] * 60, {"config:a": RANDOM.normal(size=60), "config:b": RANDOM.normal(size=60)})


def test_the_report_lists_every_candidate_and_why_some_were_left_out():
    model = make("auto").fit(FLAT, FLAT.columns["config:a"])
    *tried, last = model.report_
    assert last == {"predictor": "graph networks", "left_out": "the architectures have no graphs"}
    assert [one["predictor"] for one in tried] == ["GaussianProcess", "ExtraTrees", "GBDT"]
    assert tried[0]["arguments"] == {"encodings": "reduced+reduced-wl+columns", "kernel": "joint"}
    assert sum(one["weight"] for one in tried) == pytest.approx(1)
    assert max(tried, key=lambda one: one["weight"])["tau"] > 0.8
    assert all(one["seconds"] > 0 for one in tried)


def test_a_report_on_a_handful_has_no_figures():
    model = make("auto", members=["ridge", "knn"]).fit(FLAT[:3], FLAT.columns["config:a"][:3])
    assert [(one["predictor"], one["tau"], one["weight"]) for one in model.report_] == [
        ("Ridge", None, 0.5),
        ("NearestNeighbours", None, 0.5),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("size", [60, 210])
def test_graph_networks_are_candidates_where_there_are_graphs(size):
    pytest.importorskip("torch_geometric")
    batch, targets = example_batch(300, seed=1)
    model = make("auto").fit(batch[:size], targets[:size])
    tried = {one["predictor"]: one for one in model.report_}
    assert {"GATES", "GraphTransformer", "GaussianProcess", "ExtraTrees", "GBDT"} == set(tried)
    assert tried["GATES"]["arguments"] == {"layers": 2}
    assert -1 < tried["GraphTransformer"]["tau"] < 1
    assert model.score(batch[210:], targets[210:]) > 0.8
