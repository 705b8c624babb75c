"""One-hot and adjacency encodings, with rows worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from predictors import ArchBatch, ArchGraph
from predictors.encodings import Adjacency, OneHot

CHAIN = ((0, 1), (1, 2))
CONV = ArchGraph("s", ("in", "conv", "out"), CHAIN)
POOL = ArchGraph("s", ("in", "pool", "out"), CHAIN)
SHORT = ArchGraph("s", ("in", "conv", "out"), (*CHAIN, (0, 2)))


def test_one_hot_has_operation_edge_and_count_columns_that_vary():
    encoding = OneHot().fit(ArchBatch([CONV, POOL, SHORT]))
    # conv at 1, pool at 1, edge 0-2, count of conv, count of pool
    assert encoding.transform(ArchBatch([CONV, POOL, SHORT])).tolist() == [
        [1, 0, 0, 1, 0],
        [0, 1, 0, 0, 1],
        [1, 0, 1, 1, 0],
    ]


def test_one_hot_ignores_operations_and_positions_that_training_lacks():
    encoding = OneHot().fit(ArchBatch([CONV, POOL, SHORT]))
    other = ArchGraph("s", ("in", "sep", "out", "conv"), ((0, 1), (1, 2), (2, 3)))
    assert encoding.transform(ArchBatch([other])).tolist() == [[0, 0, 0, 0, 0]]


def test_one_hot_appends_attributes_by_name():
    graphs = [
        ArchGraph("s", ("a", "a"), ((0, 1),), (("channels", (4.0, value)), ("stride", (1.0, 2.0))))
        for value in (8.0, 16.0)
    ]
    assert OneHot().fit(ArchBatch(graphs)).transform(ArchBatch(graphs)).tolist() == [[8.0], [16.0]]


def test_adjacency_numbers_operations_in_the_order_of_their_names():
    encoding = Adjacency().fit(ArchBatch([CONV, POOL, SHORT]))
    # edge 0-2; then conv = 0, in = 1, out = 2, pool = 3 at position 1
    assert encoding.transform(ArchBatch([POOL, SHORT])).tolist() == [[0, 3], [1, 0]]
    shorter = ArchGraph("s", ("sep",), ())
    longer = ArchGraph("s", ("in", "sep", "out"), CHAIN)
    assert encoding.transform(ArchBatch([shorter, longer])).tolist() == [[0, -2], [0, -1]]


@pytest.mark.parametrize("encoding", [OneHot(), Adjacency()])
def test_rows_of_an_empty_batch_have_the_right_width(encoding):
    encoding.fit(ArchBatch([CONV, POOL, SHORT]))
    width = encoding.transform(ArchBatch([CONV])).shape[1]
    assert encoding.transform(ArchBatch([])).shape == (0, width)
    assert encoding.fit(ArchBatch([])).transform(ArchBatch([CONV])).shape == (1, 0)
    assert encoding.transform(ArchBatch([CONV])).dtype == np.float64
