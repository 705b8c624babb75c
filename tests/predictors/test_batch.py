"""A batch is made once: what its columns may come in, that it does not change afterwards, and how it is shown."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from predictors import ArchBatch, ArchGraph, Ragged
from predictors.checks import example_batch
from predictors.errors import InvalidValues
from predictors.frozen import Frozen, ReadOnly

GRAPHS = list(example_batch(3)[0].archs)

COLUMNS = {
    "list": [1, None, 3],
    "generator": (value for value in (1.0, math.nan, 3.0)),
    "masked array": np.ma.array([1.0, -1e8, 3.0], mask=[False, True, False]),
    "object array": np.array([1, None, 3], dtype=object),
    "nullable Series": pd.Series([1, None, 3], dtype="Int64"),
    "Arrow array": pa.array([1, None, 3]),
    "tensor with gradient": torch.tensor([1.0, math.nan, 3.0], requires_grad=True),
    "short tensor": torch.tensor([1.0, math.nan, 3.0], dtype=torch.bfloat16),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_float64_whatever_it_comes_in(name: str) -> None:
    column = ArchBatch(GRAPHS, {"a": COLUMNS[name]}).column("a")
    assert (type(column), column.dtype) == (np.ndarray, np.float64)
    np.testing.assert_array_equal(column, [1.0, math.nan, 3.0])


def test_columns_may_be_a_table() -> None:
    for table in (pd.DataFrame({"a": [1, 2, 3]}), pa.table({"a": [1, 2, 3]})):
        assert ArchBatch(GRAPHS, table).column("a").tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": ["1", "2", "3"]}, "column 'a' must be real numbers"),
        ({"a": 1.0}, r"column 'a' has shape \(\)"),
        ({"a": np.zeros((3, 1))}, r"column 'a' has shape \(3, 1\).* take its only column with \[:, 0\]"),
        ({"a": [1, 2]}, "column 'a' has 2 rows for 3 architectures"),
        ({1: [1, 2, 3]}, "column names must be text, not 1"),
        ([1, 2, 3], "columns must be a mapping"),
    ],
)
def test_other_columns_are_refused(columns: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        ArchBatch(GRAPHS, columns)


def test_node_arrays_may_be_lists_and_lose_no_mask() -> None:
    batch = ArchBatch(GRAPHS, nodes={"nodes:a": [[1, None], [2], np.ma.array([3, 9], mask=[False, True])]})
    rows = batch.nodes["nodes:a"]
    np.testing.assert_array_equal(rows.values, [1, math.nan, 2, 3, math.nan])
    assert rows.offsets.tolist() == [0, 2, 3, 5]
    with pytest.raises(InvalidValues, match="row 1 of a node array is a single number"):
        Ragged.from_rows([[1.0], 2.0])


@pytest.mark.parametrize("container", [tuple, iter, lambda graphs: pd.Series(graphs, dtype=object), ArchBatch])
def test_architectures_come_in_any_sequence(container) -> None:
    assert list(ArchBatch(container(GRAPHS))) == GRAPHS


@pytest.mark.parametrize("archs", [GRAPHS[0], "conv", {0: GRAPHS[0]}, set(GRAPHS), [GRAPHS[0], None], ["conv"], 3])
def test_what_are_no_architectures_is_refused(archs: object) -> None:
    with pytest.raises(TypeError, match="architectures must be"):
        ArchBatch(archs)


def batch_of_three() -> ArchBatch:
    return ArchBatch(GRAPHS, {"a": [1.0, 2.0, 3.0]}, {"nodes:a": Ragged.from_rows([[1.0], [2.0], [3.0]])})


WAYS = {
    "made": lambda batch: batch,
    "sliced": lambda batch: batch[1:],
    "chosen": lambda batch: batch[[2, 0]],
    "with a column": lambda batch: batch.with_columns(b=[1, 2, 3]),
    "pickled": lambda batch: pickle.loads(pickle.dumps(batch)),
    "copied": copy.deepcopy,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_batch_does_not_change(way: str) -> None:
    batch = WAYS[way](batch_of_three())
    with pytest.raises(ReadOnly, match=r"read-only; batch.with_columns\(name=values\) returns"):
        batch.columns["b"] = np.zeros(len(batch))
    for change in (lambda: batch.columns.pop("a"), lambda: batch.nodes.update(b=1), lambda: batch.columns.clear()):
        with pytest.raises(ReadOnly):
            change()
    with pytest.raises(TypeError):
        del batch.columns["a"]
    for values in (batch.column("a"), batch.nodes["nodes:a"].values):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 9.0


def test_what_a_batch_was_made_of_may_change() -> None:
    values, graphs, columns = np.array([1.0, 2.0, 3.0]), list(GRAPHS), {}
    columns["a"] = values
    batch = ArchBatch(graphs, columns)
    values[0], columns["b"] = 9.0, values
    graphs.reverse()
    assert batch.column("a").tolist() == [1.0, 2.0, 3.0]
    assert list(batch.columns) == ["a"]
    assert list(batch) == GRAPHS


def test_a_frame_that_changes_leaves_the_batch_as_it_is() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    view = frame["a"].to_numpy().view()
    view.flags.writeable = False
    batches = [ArchBatch(GRAPHS, frame), ArchBatch(GRAPHS, {"a": frame["a"]}), ArchBatch(GRAPHS).with_columns(a=view)]
    frame.loc[0, "a"] = 9.0
    assert [batch.column("a").tolist() for batch in batches] == [[1.0, 2.0, 3.0]] * 3


def test_columns_are_a_mapping_like_others() -> None:
    columns = batch_of_three().with_columns(b=[4, 5, 6]).columns
    assert (list(columns), len(columns), "b" in columns, columns.get("c")) == (["a", "b"], 2, True, None)
    assert (list(columns | {"c": 1}), list({"c": 1} | columns)) == (["a", "b", "c"], ["c", "a", "b"])
    assert pickle.loads(pickle.dumps(Frozen({"a": 1})))["a"] == 1


def test_a_batch_is_shown_in_a_few_lines() -> None:
    long = {f"proxy:{'x' * 300}{number}": np.zeros(2000) for number in range(500)}
    graph = ArchGraph("s", ("conv",) * 5, ((0, 1),))
    batch = ArchBatch([graph] * 2000, long, {"nodes:a": Ragged(np.zeros(2000), np.arange(2001))})
    assert len(repr(batch)) < 800
    assert len(repr(batch.columns)) < 800
    assert "ArchBatch of 2000 architectures" in repr(batch)
    assert "and 492 more" in repr(batch)


KEYS = {
    "True": True,
    "NumPy's False": np.False_,
    "None": None,
    "a name": "a",
    "a fraction": 1.5,
    "fractions": [0.5, 1.5],
    "beyond": 3,
    "before": -4,
    "numbers beyond": [0, 3],
    "numbers before": [-4],
    "a short mask": [True, False],
    "a long mask": np.ones(4, dtype=bool),
    "a mask with gaps": pd.array([True, None, False], dtype="boolean"),
    "a list with gaps": [True, None, False],
    "a masked index": np.ma.array([0, 1], mask=[False, True]),
    "a table": [[0, 1]],
    "a set": {0, 1},
    "text": ["0"],
}


@pytest.mark.parametrize("name", KEYS)
def test_what_chooses_no_rows_is_an_index_error(name: str) -> None:
    with pytest.raises(IndexError):
        batch_of_three()[KEYS[name]]


CHOICES = {
    "a tuple": ((2, 0), [2, 0]),
    "a range": (range(2), [0, 1]),
    "a generator": ((row for row in (2, 0)), [2, 0]),
    "negative numbers": ([-1, -3], [2, 0]),
    "a Series of numbers": (pd.Series([2, 0], index=[5, 6]), [2, 0]),
    "nullable numbers": (pd.array([2, 0], dtype="Int64"), [2, 0]),
    "unsigned numbers": (np.array([2, 0], dtype=np.uint8), [2, 0]),
    "a Series mask": (pd.Series([True, False, True]), [0, 2]),
    "a nullable mask": (pd.array([True, False, True], dtype="boolean"), [0, 2]),
    "a list mask": ([True, False, True], [0, 2]),
    "an object mask": (np.array([True, False, True], dtype=object), [0, 2]),
    "a tensor": (torch.tensor([2, 0]), [2, 0]),
    "a tensor mask": (torch.tensor([True, False, True]), [0, 2]),
    "nothing": ([], []),
    "an empty Series": (pd.Series([], dtype=object), []),
}


@pytest.mark.parametrize("name", CHOICES)
def test_rows_are_chosen_by_position(name: str) -> None:
    key, rows = CHOICES[name]
    chosen = batch_of_three()[key]
    assert list(chosen) == [GRAPHS[row] for row in rows]
    assert chosen.column("a").tolist() == [row + 1.0 for row in rows]


def test_a_number_without_dimensions_is_one_row() -> None:
    for row in (np.array(2), torch.tensor(2), np.int8(2), -1):
        assert batch_of_three()[row] is GRAPHS[2]
