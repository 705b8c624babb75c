"""Laws of every predictor: targets in any container and of any size, and a word where nothing was learned."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch

from predictors import ArchBatch, ArchGraph, Ragged, available, make
from predictors.base import LARGEST_TARGET
from predictors.checks import example_batch
from predictors.errors import ConstantPredictions

N = 24
NETWORK = {"members": 1, "epochs": 1, "min_steps": 4}
GRAPH = {**NETWORK, "hidden": 8, "layers": 1}
FEW = {
    "auto": {"members": ["ridge", "knn"], "folds": 2},
    "ensemble": {"members": ["ridge", "knn"]},
    "extra_trees": {"trees": 5},
    "flan": {**GRAPH, "hidden": 16},
    "gates": GRAPH,
    "gbdt": {"rounds": 5},
    "gbdt_nas": {"min_leaf": 2, "rounds": 5},
    "gcn": GRAPH,
    "gin": GRAPH,
    "graph_transformer": {**GRAPH, "hidden": 16},
    "mlp": {"members": 1, "epochs": 4, "hidden": 8},
    "parzc": {**NETWORK, "encodings": ""},
    "parzc_paper": NETWORK,
    "pretrained": {**GRAPH, "pretraining_steps": 4},
    "random_forest": {"trees": 5},
}
"""Arguments that make a predictor as small as it can be."""

CONTAINERS = {
    "list": list,
    "generator": iter,
    "fractions": lambda y: [Fraction(value) for value in y],
    "masked array": lambda y: np.ma.array(y, mask=np.zeros(len(y), dtype=bool)),
    "Series": pd.Series,
    "nullable Series": lambda y: pd.Series(y, dtype="Float64"),
    "object array": lambda y: np.array(y, dtype=object),
    "short tensor": lambda y: torch.tensor(y, dtype=torch.bfloat16, requires_grad=True),
}


@cache
def data() -> tuple[ArchBatch, np.ndarray]:
    """Architectures with columns and node arrays, and targets that even bfloat16 holds."""
    batch, targets = example_batch(N)
    nodes = Ragged.from_rows([[float(len(op)) for op in arch.ops] for arch in batch])
    return ArchBatch(batch.archs, batch.columns, {"nodes:a": nodes}), np.round(targets * 16) / 16


def fitted(name: str, y: object):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantPredictions)
        return make(name, **FEW.get(name, {})).fit(data()[0], y)


@pytest.mark.parametrize("name", available())
def test_the_container_of_targets_does_not_change_predictions(name: str) -> None:
    batch, targets = data()
    expected = fitted(name, targets).predict(batch)
    for container, convert in CONTAINERS.items():
        assert (container, fitted(name, convert(targets)).predict(batch).tolist()) == (container, expected.tolist())


@pytest.mark.parametrize("name", available())
def test_the_container_of_architectures_does_not_change_predictions(name: str) -> None:
    batch, targets = data()
    if name.startswith("parzc"):
        pytest.skip("it reads node arrays, which plain architectures do not have")
    model = make(name, **FEW.get(name, {})).fit(list(batch), targets)
    expected = model.predict(list(batch))
    for archs in (tuple(batch), iter(batch), pd.Series(list(batch)), np.array([*batch, None], dtype=object)[:-1]):
        assert model.predict(archs).tolist() == expected.tolist()


WRONG = {
    "missing": (lambda y: [*y[:-1], None], "1 targets are not finite .1 missing, 0 infinite"),
    "masked": (lambda y: np.ma.array(y, mask=y > y[0]), "missing"),
    "infinite": (lambda y: [*y[:-2], math.inf, -math.inf], "0 missing, 2 infinite"),
    "text": (lambda y: [str(value) for value in y], "real numbers"),
    "complex": (lambda y: y + 0j, "real numbers"),
    "a column": (lambda y: y[:, None], r"has shape \(24, 1\)"),
    "one number": (lambda y: y[0], r"has shape \(\)"),
    "too few": (lambda y: y[1:], r"has shape \(23,\)"),
    "huge": (lambda y: y * 1e300, "too large to square; divide the targets by a constant"),
    "of other rows": (lambda y: pd.Series(y, index=range(1, N + 1)), "y has a pandas index"),
}


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize("wrong", WRONG)
def test_targets_that_cannot_be_learned_are_refused(name: str, wrong: str) -> None:
    convert, message = WRONG[wrong]
    with pytest.raises((ValueError, UserWarning), match=message):
        fitted(name, convert(data()[1]))


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize("factor", [LARGEST_TARGET / 10, 1e-120, 5e-324])
def test_targets_of_any_size_give_finite_predictions(name: str, factor: float) -> None:
    batch, targets = data()
    model = fitted(name, targets * factor)
    assert np.isfinite(model.predict(batch)).all()
    if model.tags.has_std:
        assert np.isfinite(model.predict_std(batch)).all()


COLUMNS = {
    "some infinite": lambda normal: np.where(np.arange(N) % 3 == 0, math.inf, normal),
    "all missing": lambda normal: np.full(N, math.nan),
    "all equal": lambda normal: np.full(N, 0.1),
    "as large as can be": lambda normal: np.where(normal > 0, 1.7e308, -1.7e308),
    "smaller still": lambda normal: np.arange(N) * 5e-324,
}


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize("column", COLUMNS)
def test_columns_of_any_size_give_finite_predictions(name: str, column: str) -> None:
    batch, targets = data()
    values = COLUMNS[column](np.random.default_rng(0).normal(size=N))
    nodes = Ragged.from_rows([[value] * len(arch.ops) for value, arch in zip(values, batch, strict=True)])
    odd = ArchBatch(batch.archs, {"proxy:a": values, "cost:a": values[::-1]}, {"nodes:a": nodes})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantPredictions)
        model = make(name, **FEW.get(name, {})).fit(odd, targets)
    assert np.isfinite(model.predict(odd)).all()
    if model.tags.has_std:
        assert np.isfinite(model.predict_std(odd)).all()


@pytest.mark.parametrize("name", available())
def test_equal_targets_give_finite_predictions_and_no_warning(name: str) -> None:
    model = make(name, **FEW.get(name, {})).fit(data()[0], [0.1] * N)
    assert np.isfinite(model.predict(data()[0])).all()


@pytest.mark.parametrize("name", available())
def test_equal_architectures_with_other_targets_are_warned_of(name: str) -> None:
    batch, targets = data()
    equal = batch[[0] * N]
    with pytest.warns(ConstantPredictions, match="though their targets differ") as caught:
        make(name, **FEW.get(name, {})).fit(equal, targets)
    assert caught[0].filename == __file__


def few_choices(n: int) -> tuple[list[ArchGraph], np.ndarray]:
    """`n` chains of six nodes with one of five operations each, and a target to which every node adds something."""
    ops = np.random.default_rng(0).integers(0, 5, (n, 6))
    edges = tuple((node, node + 1) for node in range(5))
    targets = ops @ np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    return [ArchGraph("chain", tuple("abcde"[op] for op in row), edges) for row in ops], targets


@pytest.mark.parametrize("n", [6, 39, 50])
def test_published_leaves_are_too_large_for_few_architectures(n: int) -> None:
    archs, targets = few_choices(n)
    with pytest.warns(
        ConstantPredictions, match=f"of the {n} architectures .* such as min_leaf=3, or 100 architectures"
    ):
        make("gbdt_nas").fit(archs, targets)
    assert len(np.unique(make("gbdt_nas", min_leaf=1).fit(archs, targets).predict(archs))) > 4


def test_published_leaves_serve_more_architectures() -> None:
    archs, targets = few_choices(200)
    assert len(np.unique(make("gbdt_nas").fit(archs, targets).predict(archs))) > 4


def test_a_target_of_two_values_needs_no_more_than_two_predictions() -> None:
    archs, _ = few_choices(200)
    make("gbdt_nas", features=1.0, bagging=1.0).fit(archs, [float(arch.ops[0] == "a") for arch in archs])
