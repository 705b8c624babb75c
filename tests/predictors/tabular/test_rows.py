"""Complete rows: what stands in for missing values."""

from __future__ import annotations

import numpy as np
import pytest

from predictors import ArchBatch, ArchGraph, make
from predictors.checks import example_batch
from predictors.encodings import Columns, OneHot
from predictors.tabular.rows import Rows

NAN = float("nan")


def columns_of(**columns):
    archs = example_batch(len(next(iter(columns.values()))))[0].archs
    return ArchBatch(archs, {f"proxy:{name}": np.array(values) for name, values in columns.items()})


def test_values_are_on_a_logarithmic_scale_and_few_gaps_get_the_median():
    rows = Rows([Columns()]).fit(given := columns_of(a=[0.0, np.e - 1, NAN, np.e**2 - 1]))
    assert np.allclose(rows.transform(given), [[0, 0], [1, 0], [1, 0], [2, 0]])
    assert rows.widths_ == [1]


def test_a_gap_is_estimated_from_what_is_complete():
    size = np.linspace(0, 3, 40)
    known = np.expm1(size)
    twice = np.where(np.arange(40) % 4 == 0, NAN, np.expm1(2 * size))
    given = columns_of(known=known, twice=twice)
    found = Rows([Columns()]).fit(given).transform(given)
    assert found[:, 1] == pytest.approx(2 * size, abs=0.05)


def test_estimates_stay_near_the_range_that_was_seen():
    size = np.linspace(0, 3, 40)
    given = columns_of(known=np.expm1(size), twice=np.where(size > 2, NAN, np.expm1(2 * size)))
    seen = 2 * size[size <= 2]
    found = Rows([Columns()]).fit(given).transform(given)[:, 1]
    assert found.max() <= seen.max() * 1.2 + 1e-9


def test_a_value_that_only_new_architectures_lack_gets_the_median():
    rows = Rows([Columns()]).fit(columns_of(a=[0.0, np.e - 1, np.e**2 - 1]))
    assert rows.transform(columns_of(a=[NAN, np.inf])).tolist() == [[pytest.approx(1.0), 0], [pytest.approx(1.0), 0]]


def test_a_column_that_is_requested_and_has_no_value_is_zero():
    given = columns_of(a=[NAN, NAN], b=[0.0, np.e - 1])
    assert np.allclose(Rows([Columns(only=tuple(given.columns))]).fit(given).transform(given), [[0, 0, 0], [0, 1, 0]])


def test_without_columns_only_the_graph_is_left():
    batch, _ = example_batch(20)
    rows = Rows([OneHot(), Columns()], columns=False).fit(batch)
    assert np.allclose(rows.transform(batch)[:, :-1], np.log1p(OneHot().fit(batch).transform(batch)))
    assert not rows.in_band_last


def test_rows_depend_on_the_training_part_alone():
    batch, _ = example_batch(60)
    rows = Rows([OneHot(), Columns()]).fit(batch[:40])
    together = rows.transform(batch)
    one_by_one = np.concatenate([rows.transform(batch[row : row + 1]) for row in range(60)])
    assert np.allclose(together, one_by_one, atol=1e-12)


def test_what_sees_no_input_is_ranked_last_and_all_of_it_alike():
    batch, targets = example_batch(80)
    cut = [
        ArchGraph("example", ("input", op, "none", "none", "output"), batch.archs[0].edges)
        for op in ("skip", "conv3x3")
    ]
    for params in ({}, {"target": "raw"}, {"target": "pairwise"}):
        model = make("ridge", columns=False, **params).fit(list(batch.archs), targets)
        first, second = model.predict(cut)
        assert first == second
        if params.get("target") == "raw":
            assert first == pytest.approx(targets.min())
    known = make("ridge", columns=False, target="raw").fit([*batch.archs, *cut], [*targets, 1.0, 3.0])
    assert known.predict(cut).tolist() == pytest.approx([2.0, 2.0])
