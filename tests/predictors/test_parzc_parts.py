"""Parts of a batch, and the architectures of which everything that is read is equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the extra proxybench[torch] is not installed")

from predictors.arch import ArchBatch, ArchGraph, Ragged
from predictors.mapped import MappedRagged
from predictors.parzc.equals import first_equals
from predictors.parzc.parts import part_of, rows_of

CELL = ArchGraph("example", ("input", "conv", "output"), ((0, 1), (1, 2)))
ROWS = st.lists(st.lists(st.sampled_from([0.0, 1.0, np.nan]), max_size=3), min_size=1, max_size=8)


def key(row):
    return [repr(value) for value in row]


@given(ROWS, st.data())
def test_rows_are_those_that_ragged_takes(rows, data):
    nodes = Ragged.from_rows([np.array(row, dtype=float) for row in rows])
    chosen = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1))), dtype=np.int64)
    found, expected = rows_of(nodes, chosen), nodes.take(chosen)
    assert np.array_equal(found.offsets, expected.offsets)
    assert np.array_equal(found.values, expected.values, equal_nan=True)


@pytest.mark.parametrize("shape", [(6,), (6, 2)])
def test_rows_of_one_length(shape):
    nodes = Ragged(np.arange(np.prod(shape)).reshape(shape), [0, 2, 4, 6])
    found = rows_of(nodes, np.array([2, 0]))
    assert np.array_equal(found.values, nodes.values[[4, 5, 0, 1]])
    assert found.offsets.tolist() == [0, 2, 4]


def test_a_part_of_consecutive_rows_shares_memory():
    batch = ArchBatch([CELL] * 4, {"proxy:a": np.arange(4.0)}, {"nodes:a": Ragged(np.arange(7.0), [0, 1, 1, 4, 7])})
    part, copied = part_of(batch, slice(1, 3)), part_of(batch, [2, 1])
    assert np.shares_memory(part.nodes["nodes:a"].values, batch.nodes["nodes:a"].values)
    assert part.nodes["nodes:a"].offsets.tolist() == [0, 0, 3]
    assert part.columns["proxy:a"].tolist() == [1.0, 2.0]
    assert [row.tolist() for row in copied.nodes["nodes:a"]] == [[1.0, 2.0, 3.0], []]
    assert copied.columns["proxy:a"].tolist() == [2.0, 1.0]
    assert part_of(batch, slice(0, 9)) is batch
    assert part_of(batch, [3, 2, 1, 0]) is not batch
    assert len(part_of(batch, slice(2, 2))) == 0


def test_rows_of_a_file_stay_there(tmp_path):
    np.save(tmp_path / "nodes.npy", np.arange(6.0))
    nodes = MappedRagged.open(tmp_path / "nodes.npy", [0, 2, 4, 6])
    assert rows_of(nodes, np.array([1, 2]), consecutive=True).values.tolist() == [2.0, 3.0, 4.0, 5.0]
    assert rows_of(nodes, np.array([2, 0])).values.tolist() == [4.0, 5.0, 0.0, 1.0]


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
