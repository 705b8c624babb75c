"""Architectures of which everything that is read is equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from predictors.arch import Ragged
from predictors.parzc.equals import first_equals

ROWS = st.lists(st.lists(st.sampled_from([0.0, 1.0, np.nan]), max_size=3), min_size=1, max_size=8)


def key(row):
    return [repr(value) for value in row]


@given(ROWS, st.data())
def test_architectures_are_equal_where_rows_and_nodes_are(nodes, data):
    rows = [data.draw(st.sampled_from([0.0, 1.0])) for _ in nodes]
    ragged = Ragged.from_rows([np.array(row, dtype=float) for row in nodes])
    first, which = first_equals([np.array(rows, dtype=np.float32)[:, None]], [ragged])
    for place, stands_for in enumerate(first[which]):
        assert stands_for <= place
        assert (rows[place], key(nodes[place])) == (rows[stands_for], key(nodes[stands_for]))


@pytest.mark.parametrize("at_once", [1, 2**22])
def test_the_first_of_equal_ones_stands_for_them(monkeypatch, at_once):
    monkeypatch.setattr("predictors.parzc.equals._AT_ONCE", at_once)
    rows = [np.zeros((6, 1), dtype=np.float32), np.array([0, 0, 1, 0, 0, 1], dtype=np.float32)[:, None]]
    nodes = Ragged.from_rows([[1.0, np.nan], [1.0, np.nan], [2.0], [1.0, 2.0], [1.0], [2.0]])
    first, which = first_equals(rows, [nodes])
    assert first.tolist() == [0, 2, 3, 4]
    assert which.tolist() == [0, 0, 1, 2, 3, 1]
    vectors = Ragged(np.repeat(nodes.values[:, None], 2, axis=1), nodes.offsets)
    vectors.values[-1, 1] = 9.0
    assert first_equals(rows, [nodes, vectors])[0].tolist() == [0, 2, 3, 4, 5]


def test_without_rows_all_count_as_different():
    nodes = Ragged.from_rows([[1.0], [1.0]])
    assert first_equals([], [nodes])[1].tolist() == [0, 1]
    assert first_equals([np.empty((0, 2), dtype=np.float32)], [nodes.take(np.empty(0, dtype=np.int64))])[0].size == 0
