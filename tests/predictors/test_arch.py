"""ArchGraph, Ragged and ArchBatch: checks, indexing, and what scikit-learn's splitters do with them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.utils import _safe_indexing

from predictors import ArchBatch, ArchGraph, Ragged
from predictors.errors import InvalidGraph, UnknownName

CHAIN = ArchGraph("toy", ("input", "conv", "output"), ((0, 1), (1, 2)))


def toy(n):
    """Chains of different lengths with a column and a node array that name their row."""
    archs = [
        ArchGraph("toy", ("input", *["conv"] * length), tuple((k, k + 1) for k in range(length))) for length in range(n)
    ]
    nodes = Ragged.from_rows([np.full(length + 1, 10.0 * length) for length in range(n)])
    return ArchBatch(archs, {"row": np.arange(n, dtype=np.float64)}, {"nodes:row": nodes})


def rows_of(batch):
    """The row numbers that architectures, column and node array agree on."""
    assert isinstance(batch, ArchBatch)
    rows = [len(arch) - 1 for arch in batch]
    assert batch.column("row").tolist() == rows
    assert [(values / 10).tolist() for values in (batch.nodes["nodes:row"][k] for k in range(len(batch)))] == [
        [row] * (row + 1) for row in rows
    ]
    return rows


@pytest.mark.parametrize(
    ("ops", "edges", "attrs", "reason"),
    [
        (("a", "b"), ((0, 2),), (), "is not valid in a graph of 2 nodes"),
        (("a", "b"), ((-1, 0),), (), "is not valid"),
        (("a", "b"), ((1, 1),), (), "is not valid"),
        (("a", "b"), ((0, 1), (0, 1)), (), "repeated edge"),
        (("a", "b"), (), (("channels", (1.0,)),), "'channels' has 1 values for 2 nodes"),
    ],
)
def test_contradictory_graph_is_refused(ops, edges, attrs, reason):
    with pytest.raises(InvalidGraph, match=reason):
        ArchGraph("toy", ops, edges, attrs)


def test_an_unchecked_graph_is_the_graph():
    checked = ArchGraph("example", ("input", "conv"), ((0, 1),), (("width", (1.0, 2.0)),))
    made = ArchGraph.unchecked(checked.space, checked.ops, checked.edges, checked.attrs)
    assert (made, hash(made), made.digest) == (checked, hash(checked), checked.digest)


def test_graph_is_a_value():
    same = ArchGraph("toy", ("input", "conv", "output"), ((0, 1), (1, 2)))
    assert same == CHAIN
    assert hash(same) == hash(CHAIN)
    assert pickle.loads(pickle.dumps(CHAIN)) == copy.deepcopy(CHAIN) == CHAIN
    with pytest.raises(AttributeError):
        CHAIN.ops = ()


def test_digest_is_that_of_the_graph_alone():
    assert ArchGraph("another", CHAIN.ops, CHAIN.edges).digest == CHAIN.digest
    assert ArchGraph("toy", ("conv", "output", "input"), ((2, 0), (0, 1))).digest == CHAIN.digest
    assert len(CHAIN.digest) == 32
    assert set(CHAIN.digest) <= set("0123456789abcdef")


def test_digest_tells_attribute_names_and_values_apart():
    def with_attr(name, values):
        return ArchGraph("toy", CHAIN.ops, CHAIN.edges, ((name, values),)).digest

    digests = {
        CHAIN.digest,
        with_attr("channels", (1.0, 2.0, 3.0)),
        with_attr("channels", (1.0, 2.0, 4.0)),
        with_attr("stride", (1.0, 2.0, 3.0)),
    }
    assert len(digests) == 4
    assert with_attr("channels", (1, 2, 3)) == with_attr("channels", (1.0, 2.0, 3.0))


def test_attributes_move_with_their_nodes():
    one = ArchGraph("toy", ("a", "a", "b"), ((0, 2), (1, 2)), (("channels", (8.0, 16.0, 4.0)),))
    two = ArchGraph("toy", ("b", "a", "a"), ((2, 0), (1, 0)), (("channels", (4.0, 16.0, 8.0)),))
    assert one.digest == two.digest


def test_ragged_rows():
    ragged = Ragged.from_rows([[1, 2], [], [3]])
    assert len(ragged) == 3
    assert [row.tolist() for row in (ragged[0], ragged[1], ragged[2])] == [[1, 2], [], [3]]
    assert ragged[-1].tolist() == [3]
    with pytest.raises(IndexError):
        ragged[3]


@pytest.mark.parametrize("offsets", [[], [1, 2], [0, 1], [0, 3], [0, 2, 1, 2]])
def test_ragged_offsets_must_cover_the_values(offsets):
    with pytest.raises(ValueError, match="offsets must"):
        Ragged([1.0, 2.0], offsets)


def test_ragged_take_keeps_type_and_width_even_of_no_rows():
    ragged = Ragged(np.ones((3, 2), dtype=np.float32), [0, 1, 3])
    assert ragged.take(np.array([1, 0, 1])).values.shape == (5, 2)
    empty = ragged.take(np.array([], dtype=np.int64))
    assert (len(empty), empty.values.shape, empty.values.dtype) == (0, (0, 2), np.float32)


@given(st.lists(st.lists(st.integers(-9, 9), max_size=4), min_size=1, max_size=6), st.data())
def test_ragged_take_is_list_indexing(rows, data):
    chosen = data.draw(st.lists(st.integers(-len(rows), len(rows) - 1), max_size=8))
    taken = Ragged.from_rows(rows).take(np.array(chosen, dtype=np.int64))
    assert [taken[k].tolist() for k in range(len(taken))] == [rows[k] for k in chosen]


def test_column_of_another_length_is_refused():
    with pytest.raises(ValueError, match="'row' has 2 rows for 1 architectures"):
        ArchBatch([CHAIN], {"row": np.zeros(2)})
    with pytest.raises(ValueError, match="'nodes:row' has 2 rows for 1 architectures"):
        ArchBatch([CHAIN], nodes={"nodes:row": Ragged.from_rows([[1], [2]])})


def test_single_row_is_an_architecture():
    batch = toy(4)
    assert len(batch[2]) == 3
    assert batch[-1] is batch[3] is batch[np.int64(3)]
    with pytest.raises(IndexError):
        batch[4]


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        (slice(1, 3), [1, 2]),
        (slice(None, None, -2), [4, 2, 0]),
        (slice(3, 3), []),
        ([4, 0, 0, -1], [4, 0, 0, 4]),
        ([], []),
        (np.array([2, 1]), [2, 1]),
        (np.array([2, 1], dtype=np.int32), [2, 1]),
        (np.array([True, False, False, True, False]), [0, 3]),
        ([True, False, False, True, False], [0, 3]),
        ((np.array([1]), ...), [1]),
    ],
)
def test_rows_keep_columns_and_node_arrays(key, rows):
    assert rows_of(toy(5)[key]) == rows


ROWS = st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.0]), max_size=3), min_size=1, max_size=8)


@given(st.one_of(ROWS, st.integers(1, 8).map(lambda n: [[float(k), -float(k)] for k in range(n)])), st.data())
def test_taken_rows_are_those_chosen(rows, data):
    key = data.draw(st.one_of(st.slices(len(rows)), st.lists(st.integers(-len(rows), len(rows) - 1))))
    found = Ragged.from_rows(rows).take(key)
    expected = rows[key] if isinstance(key, slice) else [rows[k] for k in key]
    assert [row.tolist() for row in found] == expected


def test_taken_rows_of_vectors():
    nodes = Ragged(np.arange(12).reshape(6, 2), [0, 2, 4, 6])
    found = nodes.take([2, 0])
    assert found.values.tolist() == [[8, 9], [10, 11], [0, 1], [2, 3]]
    assert found.offsets.tolist() == [0, 2, 4]


def test_a_row_as_long_as_the_mean_may_begin_elsewhere_than_in_a_grid():
    nodes = Ragged.from_rows([[1.0], [2.0, 3.0], [4.0, 5.0, 6.0]])
    assert [row.tolist() for row in nodes.take([1])] == [[2.0, 3.0]]


def test_a_slice_shares_memory_and_chosen_rows_do_not():
    batch = toy(5)
    part, chosen = batch[1:3], batch[[1, 2]]
    for name, shares in (("slice", True), ("rows", False)):
        one = part if name == "slice" else chosen
        assert np.shares_memory(one.nodes["nodes:row"].values, batch.nodes["nodes:row"].values) == shares
        assert np.shares_memory(one.column("row"), batch.column("row")) == shares
    assert batch[:9] is batch


@pytest.mark.parametrize("key", [[5], np.array([True, False]), [0.5], "row"])
def test_keys_that_are_no_rows(key):
    with pytest.raises((IndexError, TypeError)):
        toy(5)[key]


@given(st.lists(st.integers(0, 5), max_size=8), st.data())
def test_indexing_twice_is_indexing_once(first, data):
    second = data.draw(st.lists(st.integers(0, len(first) - 1), max_size=5)) if first else []
    assert rows_of(toy(6)[first][second]) == [first[k] for k in second]


def test_batch_has_the_length_and_shape_of_its_rows():
    assert (len(toy(3)), toy(3).shape) == (3, (3,))
    assert (len(ArchBatch([])), ArchBatch([]).shape) == (0, (0,))


def test_batches_are_distinguished_by_identity():
    batch = toy(3)
    assert batch == batch
    assert batch != toy(3)
    assert len({batch, toy(3)}) == 2


def test_unknown_column_suggests_the_nearest():
    batch = ArchBatch([CHAIN], {"proxy:synflow": np.zeros(1)})
    with pytest.raises(UnknownName, match="Did you mean 'proxy:synflow'"):
        batch.column("proxy:synflo")


def test_with_columns_adds_and_replaces_without_touching_the_original():
    batch = toy(2)
    more = batch.with_columns(**{"proxy:nwot": [1, 2], "row": [7, 8]})
    assert more.column("proxy:nwot").tolist() == [1.0, 2.0]
    assert more.column("row").tolist() == [7.0, 8.0]
    assert more.column("row").dtype == np.float64
    assert rows_of(batch) == [0, 1]
    with pytest.raises(ValueError, match="3 rows for 2"):
        batch.with_columns(extra=[1, 2, 3])


def test_nan_stays_nan():
    batch = toy(3).with_columns(score=[1.0, np.nan, 2.0])
    assert np.isnan(batch[[1, 1]].column("score")).all()


def test_pickle_keeps_everything():
    assert rows_of(pickle.loads(pickle.dumps(toy(4)))) == [0, 1, 2, 3]


@pytest.mark.parametrize("key", [[1, 3], np.array([1, 3]), np.array([0, 1, 0, 1, 0], dtype=bool), slice(1, 4, 2)])
def test_scikit_learn_indexing(key):
    assert rows_of(_safe_indexing(toy(5), key)) == [1, 3]


def test_scikit_learn_folds_partition_the_rows():
    batch = toy(10)
    seen = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(batch):
        assert sorted(rows_of(batch[train]) + rows_of(batch[test])) == list(range(10))
        seen += rows_of(batch[test])
    assert sorted(seen) == list(range(10))


def test_scikit_learn_split_keeps_targets_next_to_architectures():
    train, test, y_train, y_test = train_test_split(toy(10), np.arange(10.0), random_state=0)
    assert rows_of(train) == y_train.tolist()
    assert rows_of(test) == y_test.tolist()
    assert len(test) == 3


class Lookup(BaseEstimator):
    """A minimal predictor that reads the column."""

    def fit(self, X, y):
        assert rows_of(X) == y.tolist()
        return self

    def score(self, X, y):
        return float(np.abs(X.column("row") - y).max())


def test_scikit_learn_cross_validation_slices_columns():
    assert cross_val_score(Lookup(), toy(9), np.arange(9.0), cv=KFold(3)).tolist() == [0.0, 0.0, 0.0]
