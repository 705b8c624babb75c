"""The tasks on which predictors are compared at length, and the methods that are set side by side there."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from predictors.checks import example_batch
from proxybench.evaluation.entrants import find_entrant, make_predictor
from proxybench.evaluation.plans import plan_suite, suite_tasks
from proxybench.evaluation.tasks import load_tasks
from proxybench.tables.benchmark import load

FULL = "predictors-full"
TWINS = [name for name, task in load_tasks().items() if FULL in task.suites and f"{name}-all-columns" in load_tasks()]


def test_the_suite_has_published_columns_and_all_columns_side_by_side_and_the_trained_tables():
    names = {task.name for task in suite_tasks(FULL)}
    trained = {f"{task.benchmark}-predict-all-columns" for task in suite_tasks("trained")}
    assert names == {*TWINS, *(f"{name}-all-columns" for name in TWINS), *trained}
    assert len(TWINS) == 5


@pytest.mark.parametrize("name", TWINS)
def test_twins_differ_in_columns_alone(name):
    one, other = load_tasks()[name], load_tasks()[f"{name}-all-columns"]
    assert other == msgspec.structs.replace(one, name=other.name, suites=other.suites, columns="all")
    assert one.columns == "training-free"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("nasbench201-cifar10-predict-all-columns", {"synflow@proxybench": 15_625, "synflow": 9_445}),
        ("nasbench101-predict-all-columns", {"snip@proxybench": 30_001, "synflow@proxybench": 2_000, "zen": 10_250}),
    ],
)
def test_with_all_columns_every_cell_has_a_score(real_tables: Path, name: str, known: dict[str, int]):
    task = load_tasks()[name]
    columns = task.batch(load(task.benchmark)).columns
    assert {proxy: np.isfinite(columns[f"proxy:{proxy}"]).sum() for proxy in known} == known


@pytest.mark.parametrize(
    ("method", "reads_graph", "reads_columns"),
    [
        ("ensemble", True, True),
        ("ensemble(columns=false)", True, False),
        ("ensemble(encodings=columns)", False, True),
        ("gbdt", True, True),
        ("gbdt(columns=false)", True, False),
        ("gbdt(encodings=columns)", False, True),
    ],
)
def test_what_a_method_reads(method, reads_graph, reads_columns):
    batch, targets = example_batch(40)
    other = batch.with_columns(**{name: values[::-1] for name, values in batch.columns.items()})
    renamed = [
        type(arch)(arch.space, tuple("conv3x3" if op == "skip" else op for op in arch.ops), arch.edges)
        for arch in batch
    ]
    model = make_predictor(find_entrant(method), random_state=0).fit(batch, targets)
    predicted = model.predict(batch)
    assert (not np.array_equal(model.predict(other), predicted)) == reads_columns
    assert (not np.array_equal(model.predict(type(batch)(renamed, batch.columns)), predicted)) == reads_graph


def test_methods_with_other_parameters_are_cells_of_their_own(real_tables: Path):
    methods = ["gbdt", "gbdt(columns=false)", "gbdt(encodings=columns)"]
    specs = plan_suite(FULL, methods).specs
    keys = {spec.key for spec in specs if spec.method == "gbdt" and spec.n_train == 78}
    assert {key.params for key in keys} == {"{}", '{"columns":false}', '{"encodings":"columns"}'}
