"""Scores in the units of the targets: the map by hand, and its laws for every predictor."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictors import ArchBatch, ArchGraph, Ragged, available, make
from predictors.checks import example_batch
from predictors.errors import ConstantPredictions
from predictors.ranks import mean_ranks
from predictors.units import Units

NETWORK = {"members": 1, "epochs": 1, "min_steps": 12}
GRAPH = {**NETWORK, "hidden": 16, "layers": 1}
FEW = {
    "auto": {"members": ["ridge", "gp"], "folds": 2},
    "ensemble": {"members": ["ridge", "gp"]},
    "extra_trees": {"trees": 20},
    "flan": GRAPH,
    "gates": GRAPH,
    "gbdt": {"rounds": 20},
    "gbdt_nas": {"min_leaf": 2, "rounds": 20},
    "gcn": GRAPH,
    "gin": GRAPH,
    "graph_transformer": GRAPH,
    "mlp": {"members": 1, "epochs": 10, "hidden": 8},
    "parzc": NETWORK,
    "parzc_paper": {**NETWORK, "hidden": 16},
    "pretrained": {**GRAPH, "pretraining_steps": 4},
    "random_forest": {"trees": 20},
}
"""Arguments that make a predictor small enough for a test."""
CASES = [
    *((name, {}) for name in available()),
    *((name, {"target": target}) for name in ("gbdt", "ridge", "gp") for target in ("raw", "rank", "mixed")),
    ("gbdt", {"target": "pairwise"}),
    ("ridge", {"target": "pairwise"}),
    *(("gin", {"target": "raw", "loss": loss}) for loss in ("mse", "hinge")),
    *(("parzc", {"target": "raw", "loss": loss}) for loss in ("mse", "diffkendall")),
    ("ensemble", {"combine": "rank"}),
    ("ensemble", {"combine": "stack", "folds": 2}),
]
TRAIN = 60


@cache
def data() -> tuple[ArchBatch, np.ndarray]:
    """Architectures with columns and node arrays, and skewed targets, some of them equal."""
    batch, targets = example_batch(100, seed=2)
    nodes = Ragged.from_rows([[len(op) + cost for op in arch.ops] for arch, cost in zip(batch, targets, strict=True)])
    targets = np.round(50 + 16 * np.exp(targets)) / 4
    assert len(np.unique(targets[:TRAIN])) < TRAIN
    return ArchBatch(batch.archs, batch.columns, {"nodes:a": nodes}), targets


def fitted(name: str, params: dict, targets: np.ndarray):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantPredictions)
        return make(name, **{**FEW.get(name, {}), **params}).fit(data()[0][:TRAIN], targets[:TRAIN])


@pytest.mark.parametrize(("name", "params"), CASES)
def test_predictions_and_their_deviations_are_in_the_units_of_the_targets(name: str, params: dict) -> None:
    batch, targets = data()
    model, other = fitted(name, params, targets), fitted(name, params, 4 * targets - 8)
    predicted = model.predict(batch)
    assert other.predict(batch) == pytest.approx(4 * predicted - 8, rel=1e-4)
    span = np.ptp(targets)
    assert targets.min() - 0.5 * span < predicted.min()
    assert predicted.max() < targets.max() + 0.5 * span
    assert abs(np.median(predicted) - np.median(targets)) < 0.5 * span
    if model.tags.has_std:
        deviations = model.predict_std(batch)
        assert other.predict_std(batch) == pytest.approx(4 * deviations, rel=1e-2)
        assert deviations.min() > 0
        assert deviations.max() < span


@pytest.mark.parametrize(("name", "params"), CASES)
def test_predictions_have_the_order_and_the_ties_of_the_scores(name: str, params: dict) -> None:
    batch, targets = data()
    model = fitted(name, params, targets)
    twice = batch[np.arange(200) % 100]
    assert mean_ranks(model.predict(twice)).tolist() == mean_ranks(model.scores(twice)).tolist()


@pytest.mark.parametrize("name", available())
def test_every_predictor_reads_text_if_it_has_a_space(name: str) -> None:
    archs, targets = data()[0].archs, data()[1]
    graphs = {f"architecture {number}": arch for number, arch in enumerate(archs)}

    class Space:
        def parse(self, text: str) -> ArchGraph:
            return graphs[text]

    def with_nodes(batch: ArchBatch) -> ArchBatch:
        return batch.extended(
            {}, {"nodes:a": Ragged.from_rows([[float(len(op)) for op in arch.ops] for arch in batch])}
        )

    params = {**FEW.get(name, {}), **({"supply": with_nodes} if name.startswith("parzc") else {})}
    texts = list(graphs)[:24]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantPredictions)
        model = make(name, space=Space(), **params).fit(texts, targets[:24])
    assert model.predict(texts).tolist() == model.predict([graphs[text] for text in texts]).tolist()


def test_a_straight_line_by_hand() -> None:
    units = Units.straight(90.0, 2.0)
    assert units.back(np.array([-1.0, 0.0, 0.5])).tolist() == [88.0, 90.0, 91.0]
    assert units.width(np.array([-1.0, 3.0]), np.array([0.5, 2.0])).tolist() == [1.0, 4.0]


def test_known_scores_get_the_targets_of_their_ranks() -> None:
    # The two equal scores share the mean of the second and third target. The line contributes a thousandth.
    units = Units.through(np.array([3.0, 1.0, 2.0, 2.0]), np.array([10.0, 40.0, 20.0, 30.0]))
    assert units.back(np.array([1.0, 1.5, 2.0, 3.0])) == pytest.approx([10.0, 17.5, 25.0, 40.0], abs=0.05)
    # Half the distance between the predictions one deviation below and above: 10 + 15 * .5 and 25 + 15 * .5
    assert units.width(np.array([2.0]), np.array([0.5])) == pytest.approx([7.5], abs=0.05)


def test_beyond_the_known_scores_the_slope_of_the_outermost_ones_continues() -> None:
    targets = np.array([0.0, 50.0, 80.0, 90.0, 91.0])
    units = Units.through(np.arange(5.0), targets)
    assert units.back(np.array([5.0])) == pytest.approx([92.0], abs=0.1)
    # The lowest step of 50 is steeper than the line, whose slope is the ratio of the standard deviations.
    line = targets.std() / np.arange(5.0).std()
    assert units.back(np.array([-1.0])) == pytest.approx([-line], abs=0.1)


@given(
    scores=st.lists(st.floats(-10, 10), min_size=2, max_size=30),
    targets=st.lists(st.integers(0, 20), min_size=30, max_size=30),
    asked=st.lists(st.floats(-20, 20), min_size=2, max_size=30),
)
def test_the_map_increases_wherever_scores_do(scores: list[float], targets: list[int], asked: list[float]) -> None:
    y = np.array(targets[: len(scores)], dtype=float)
    units = Units.through(np.array(scores), y)
    found = np.sort(np.round(asked, 6))
    mapped = units.back(found)
    steps = np.diff(found) > 0
    if np.ptp(y) and np.ptp(scores) > 1e-6:
        assert (np.diff(mapped)[steps] > 0).all()
    assert (np.diff(mapped)[~steps] == 0).all()


def test_equal_targets_are_what_is_predicted() -> None:
    units = Units.through(np.array([1.0, 2.0, 3.0]), np.full(3, 7.0))
    assert units.back(np.array([-5.0, 2.5, 99.0])).tolist() == [7.0] * 3
    assert (units.width(np.zeros(2), np.ones(2)) > 0).all()
