"""Architectures as padded tensors, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from predictors.arch import ArchBatch, ArchGraph  # noqa: E402
from predictors.encodings import Columns  # noqa: E402
from predictors.errors import UnknownName  # noqa: E402
from predictors.graph.padding import Padding, Scaling, live_part  # noqa: E402

SHORT = ArchGraph("s", ("in", "out"), ((0, 1),), (("channels", (3.0, 7.0)),))
LONG = ArchGraph("s", ("out", "conv", "in"), ((2, 1), (1, 0)), (("channels", (7.0, 15.0, 3.0)),))


def test_graphs_of_two_sizes_by_hand():
    graphs = Padding().fit(ArchBatch([SHORT, LONG])).transform(ArchBatch([SHORT, LONG]))
    unknown = 3  # conv, in, out are 0, 1, 2
    assert graphs.ops.tolist() == [[1, 2, unknown], [1, 0, 2]]
    assert graphs.mask.tolist() == [[True, True, False], [True, True, True]]
    assert graphs.adjacency.tolist() == [[[0, 1, 0], [0, 0, 0], [0, 0, 0]], [[0, 1, 0], [0, 0, 1], [0, 0, 0]]]
    # log(1 + channels) is log 2 times 2, 3, 2, 4, 3: mean 2.8, deviation sqrt(0.56)
    expected = (np.array([2, 4, 3]) - 2.8) / math.sqrt(0.56)
    assert graphs.attributes[1, :, 0].tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert graphs[torch.tensor([1])].ops.tolist() == [[1, 0, 2]]


def test_what_the_training_part_lacks():
    padding = Padding().fit(ArchBatch([SHORT]))
    other = padding.transform(ArchBatch([ArchGraph("s", ("in", "new", "out"), ((0, 1), (1, 2)))]))
    assert other.ops.tolist() == [[0, 2, 1]]
    assert other.attributes.tolist() == [[[0], [0], [0]]]  # the mean


def test_equal_edges_are_worked_out_once():
    archs = [ArchGraph("s", ("in", op, "out"), ((0, 1), (1, 2))) for op in "abcd"]
    graphs = Padding().fit(ArchBatch(archs)).transform(ArchBatch(archs))
    assert graphs.which.tolist() == [0, 0, 0, 0]
    assert len(graphs.topologies.adjacency) == 1


def test_attributes_are_at_their_nodes_and_are_means_where_an_architecture_has_none():
    chain = ((0, 1), (1, 2))
    wide = ArchGraph("example", ("a", "b", "c"), chain, (("depth", (1.0, 1.0, 1.0)), ("width", (0.0, math.e - 1, 0.0))))
    plain = ArchGraph("example", ("a", "b", "c"), chain)
    short = ArchGraph("example", ("a", "b"), ((0, 1),), (("width", (math.e - 1, math.e - 1)),))
    graphs = Padding(reduce=False).fit(ArchBatch([wide, plain])).transform(ArchBatch([wide, plain, short]))
    low, high = -1 / math.sqrt(2), math.sqrt(2)  # of the logarithms 0, 1, 0
    assert graphs.attributes[:, :, 1].tolist() == [
        pytest.approx(row) for row in ([low, high, low], [0] * 3, [high, high, 0])
    ]
    assert not graphs.attributes[:, :, 0].any()  # always the same


def test_no_architectures():
    padding = Padding(Columns()).fit(ArchBatch([SHORT], {"c": np.ones(1)}))
    assert len(padding.transform(ArchBatch([], {"c": np.empty(0)}))) == 0


def test_columns_of_the_training_part_must_be_there():
    padding = Padding(Columns()).fit(ArchBatch([SHORT], {"proxy:snip": np.ones(1)}))
    with pytest.raises(UnknownName, match="proxy:snip"):
        padding.transform(ArchBatch([SHORT]))


def test_live_part_leaves_out_what_cannot_matter():
    # two branches; on one stands `none`, so the conv before it is on no path
    arch = ArchGraph(
        "s",
        ("in", "conv", "none", "pool", "out"),
        ((0, 1), (1, 2), (2, 4), (0, 3), (3, 4)),
        (("width", (1.0, 2.0, 3.0, 4.0, 5.0)),),
    )
    part = live_part(arch)
    assert part.ops == ("in", "pool", "out")
    assert part.edges == ((0, 1), (1, 2))
    assert part.attrs == (("width", (1.0, 4.0, 5.0)),)
    assert live_part(part) == part
    assert len(Padding(reduce=False).fit(ArchBatch([arch])).ops_) == 5


def test_live_part_of_what_is_blocked_is_its_ends():
    part = live_part(ArchGraph("s", ("in", "none", "out"), ((0, 1), (1, 2))))
    assert (part.ops, part.edges) == (("in", "out"), ())


def test_scaling_by_hand():
    e = math.e
    rows = np.array([[e - 1, 5.0], [1 - e, 5.0], [np.nan, 5.0], [np.inf, 5.0]])
    # median of the two that are there is 0: logarithms 1, -1, 0, 0 with deviation sqrt(1/2); then where it is missing
    scaled = Scaling().fit(rows).transform(rows)
    root = math.sqrt(2)
    assert scaled[:, 0].tolist() == pytest.approx([root, -root, 0, 0], abs=1e-6)
    assert scaled[:, 1].tolist() == [0, 0, 0, 0]
    assert scaled[:, 2].tolist() == [0, 0, 1, 1]
    assert Scaling().fit(rows).transform(np.array([[1e30, np.nan]])).tolist() == [[5, 0, 0]]


def test_scaling_of_a_column_without_any_value():
    scaled = Scaling().fit(np.full((3, 1), np.nan)).transform(np.array([[np.nan], [0.0]]))
    assert scaled.tolist() == [[0, 1], [0, 0]]


def test_equal_graphs_are_one_whatever_their_columns():
    archs = [LONG, SHORT, LONG, ArchGraph("s", LONG.ops, LONG.edges, (("channels", (7.0, 16.0, 3.0)),))]
    batch = ArchBatch(archs, {"c": np.arange(4.0)})
    distinct, which = Padding(Columns()).fit(batch).transform(batch).distinct()
    assert len(distinct) == 3  # the last has another attribute
    assert which[0] == which[2]
    assert len(set(which.tolist())) == 3
    assert distinct.ops[which].tolist() == Padding().fit(batch).transform(batch).ops.tolist()


def test_edges_that_are_equal_in_order_are_one_topology():
    turned = ArchGraph("s", ("out", "conv", "in"), ((2, 1), (1, 0)))
    straight = ArchGraph("s", ("in", "conv", "out"), ((0, 1), (1, 2)))
    batch = ArchBatch([turned, straight])
    graphs = Padding().fit(batch).transform(batch)
    assert graphs.which.tolist() == [0, 0]
    assert graphs.ops[0].tolist() == graphs.ops[1].tolist()


def test_room_beyond_the_largest_graph_is_cut():
    graphs = Padding().fit(ArchBatch([SHORT, LONG])).transform(ArchBatch([SHORT, LONG]))
    short = graphs[torch.tensor([0])].first_nodes(2)
    assert short.ops.tolist() == [[1, 2]]
    assert short.adjacency.tolist() == [[[0, 1], [0, 0]]]
    assert (short.mask.shape, short.relation.shape, short.position.shape[:2]) == ((1, 2), (1, 2, 2), (1, 2))
