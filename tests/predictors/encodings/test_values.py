"""Encodings of what a batch carries in addition to its graphs: columns, node arrays, points of learning curves."""

from __future__ import annotations

import numpy as np
import pytest

from predictors import ArchBatch, ArchGraph, Ragged
from predictors.encodings import Columns, LearningCurves, NodeStatistics, NodeTotals
from predictors.encodings.columns import signed_log
from predictors.errors import UnknownName

ARCH = ArchGraph("s", ("a",), ())
NAN = float("nan")


def batch(nodes=None, **columns):
    n = len(next(iter(columns.values()))) if columns else len(next(iter(nodes.values())))
    named = {name.replace("__", ":").replace("_at_", "@"): np.array(values) for name, values in columns.items()}
    return ArchBatch([ARCH] * n, named, nodes or {})


def test_columns_are_in_the_order_of_their_names_and_curves_are_left_out():
    rows = (
        Columns()
        .fit(given := batch(proxy__b=[1.0, NAN], proxy__a=[3.0, 4.0], curve__val_acc_at_1=[0.0, 0.0]))
        .transform(given)
    )
    assert np.array_equal(rows, [[3.0, 1.0], [4.0, NAN]], equal_nan=True)


def test_columns_on_a_logarithmic_scale():
    given = batch(proxy__a=[0.0, np.e - 1, 1 - np.e])
    assert Columns("log").fit(given).transform(given)[:, 0].tolist() == pytest.approx([0.0, 1.0, -1.0])
    assert signed_log(np.array([-np.e + 1])).tolist() == pytest.approx([-1.0])


def test_columns_as_ranks_of_the_training_part():
    ranks = Columns("rank").fit(batch(proxy__a=[10.0, 20.0, 20.0, NAN, 40.0]))
    found = ranks.transform(batch(proxy__a=[10.0, 20.0, 30.0, 99.0, NAN]))[:, 0]
    # of 4 values: 10 has half of itself below, 20 has 1 and half of two, 40 has 3.5; 30 lies between 0.5 and 0.875
    assert np.allclose(found, [0.125, 0.5, 0.6875, 0.875, NAN], equal_nan=True)


def test_columns_can_be_chosen_by_name_or_prefix():
    given = batch(proxy__a=[1.0], cost__params=[2.0], cost__flops=[3.0])
    assert Columns(only=("cost:",)).fit(given).transform(given).tolist() == [[3.0, 2.0]]
    assert Columns(only=("proxy:a",)).fit(given).transform(given).tolist() == [[1.0]]
    with pytest.raises(UnknownName, match="Did you mean 'proxy:a'"):
        Columns(only=("proxy:aa",)).fit(given)


def test_a_column_known_of_fewer_than_a_tenth_is_taken_only_by_name():
    given = batch(proxy__few=[1.0] + [NAN] * 10, proxy__tenth=[1.0, 2.0] + [NAN] * 9)
    assert Columns().fit(given).names_ == ["proxy:tenth"]
    assert Columns(only=("proxy:",)).fit(given).names_ == ["proxy:tenth"]
    assert Columns(only=("proxy:few",)).fit(given).names_ == ["proxy:few"]


def test_a_missing_column_and_an_unknown_scale_are_named():
    with pytest.raises(UnknownName, match="proxy:a"):
        Columns().fit(batch(proxy__a=[1.0])).transform(batch(proxy__b=[1.0]))
    with pytest.raises(UnknownName, match="Did you mean 'rank'"):
        Columns("ranks").fit(batch(proxy__a=[1.0]))


def test_node_statistics_by_hand():
    given = batch({"nodes:snip": Ragged.from_rows([[1.0, 2.0, 6.0], [4.0, NAN, 8.0]])})
    rows = NodeStatistics(log=False).fit(given).transform(given)
    deviation = np.sqrt(14 / 3)  # of 1, 2, 6 around 3
    assert np.allclose(rows[0], [9, 3, deviation, 1, 6, 3, 1, 2, 6])
    assert np.allclose(rows[1], [12, 6, 2, 4, 8, 2, 4, NAN, 8], equal_nan=True)


def test_node_arrays_of_different_lengths_have_no_positions():
    given = batch({"nodes:snip": Ragged.from_rows([[1.0], [2.0, 3.0]])})
    assert NodeStatistics().fit(given).transform(given).shape == (2, 6)


def test_a_node_array_that_fewer_than_a_tenth_have_is_left_out():
    few, tenth = Ragged.from_rows([[1.0], *[[]] * 10]), Ragged.from_rows([[1.0], [2.0], *[[]] * 9])
    assert NodeStatistics().fit(batch({"nodes:few": few, "nodes:tenth": tenth})).names_ == ["nodes:tenth"]


def test_an_architecture_without_node_values_has_none():
    training = batch({"nodes:snip": Ragged.from_rows([[1.0, 2.0], [3.0, 4.0]])})
    found = NodeStatistics(log=False).fit(training).transform(batch({"nodes:snip": Ragged.from_rows([[], [5.0, 7.0]])}))
    assert np.allclose(found[0], [NAN, NAN, NAN, NAN, NAN, 0, NAN, NAN], equal_nan=True)
    assert np.allclose(found[1], [12, 6, 1, 5, 7, 2, 5, 7])
    with pytest.raises(UnknownName, match="nodes:snip"):
        NodeStatistics().fit(training).transform(batch(proxy__a=[1.0]))


def test_where_no_architecture_has_node_values_all_are_missing():
    fitted = NodeStatistics().fit(batch({"nodes:a": Ragged.from_rows([[1.0, 2.0], [3.0]])}))
    rows = fitted.transform(batch({"nodes:a": Ragged.from_rows([[], []])}))
    assert np.array_equal(rows, [[NAN, NAN, NAN, NAN, NAN, 0.0]] * 2, equal_nan=True)


def test_totals_are_sums_of_the_known_values_on_a_logarithmic_scale():
    e = np.e
    given = batch({"nodes:snip": Ragged.from_rows([[1.0, e - 2], [NAN, 0.0], [], [-1.0, 2 - e]])})
    found = NodeTotals().fit(given).transform(given)
    assert found[:, 0] == pytest.approx(np.array([1, 0, NAN, -1]), nan_ok=True)
    with pytest.raises(UnknownName, match="nodes:snip"):
        NodeTotals().fit(given).transform(batch(proxy__a=[1.0]))
    assert NodeTotals().fit(batch(proxy__a=[1.0])).transform(batch(proxy__a=[1.0])).shape == (1, 0)


def test_learning_curves_by_hand():
    given = batch(
        curve__acc_at_12=[50.0, NAN, NAN], curve__acc_at_3=[30.0, 40.0, NAN], curve__acc_at_1=[20.0, 10.0, NAN]
    )
    rows = LearningCurves().fit(given).transform(given)
    assert rows[0, :6].tolist() == pytest.approx([20, 30, 50, 50, 50, 100 / 3])  # points by epoch, last, highest, mean
    assert rows[1, 3:].tolist() == pytest.approx([40, 40, 25, 30 / np.log(2)])  # log 4 - log 2 = log 2
    assert np.isnan(rows[2]).all()
    assert LearningCurves(until=3).fit(given).epochs_ == {"acc": [1, 3]}


def test_one_point_has_no_slope():
    given = batch(curve__acc_at_5=[7.0])
    assert LearningCurves().fit(given).transform(given).tolist() == [[7.0, 7.0, 7.0, 7.0, 0.0]]


def test_a_batch_without_curves_has_no_columns():
    given = batch(proxy__a=[1.0, 2.0])
    assert LearningCurves().fit(given).transform(given).shape == (2, 0)


def test_a_cost_that_counts_dead_operations_is_not_taken():
    edges = ((0, 1), (1, 2), (2, 4), (0, 3), (3, 4))
    live, dead, none = (
        ArchGraph("s", ("input", *ops, "output"), edges)
        for ops in (("conv", "conv", "skip"), ("conv", "none", "skip"), ("none", "none", "skip"))
    )
    columns = {"cost:latency_ms": np.array([3.0, 2.0, 1.0]), "proxy:nwot": np.array([6.0, 5.0, 4.0])}
    given = ArchBatch([live, dead, none], columns)
    found = Columns(costs_of_dead=False).fit(given).transform(given)
    assert np.array_equal(found, [[3.0, 6.0], [NAN, 5.0], [1.0, 4.0]], equal_nan=True)
    assert Columns().fit(given).transform(given)[1, 0] == 2.0
