"""Path encodings, with paths read off the graph by hand."""

from __future__ import annotations

import pytest

from predictors import ArchBatch, ArchGraph
from predictors.encodings import Paths
from predictors.errors import InvalidGraph

# in -> conv -> out, in -> skip -> pool -> out, in -> pool(2)
DIAMOND = ArchGraph("s", ("in", "conv", "skip", "pool", "out"), ((0, 1), (0, 2), (0, 3), (1, 4), (2, 3), (3, 4)))
LINE = ArchGraph("s", ("in", "conv", "out"), ((0, 1), (1, 2)))


def test_each_sequence_of_operations_is_a_column():
    paths = Paths().fit(ArchBatch([DIAMOND, LINE, ArchGraph("s", ("in", "out"), ((0, 1),))]))
    assert list(paths.column_) == [
        ("in", "conv", "out"),
        ("in", "out"),
        ("in", "pool", "out"),
        ("in", "skip", "pool", "out"),
    ]
    assert paths.transform(ArchBatch([DIAMOND, LINE])).tolist() == [[1, 0, 1, 1], [1, 0, 0, 0]]


def test_a_path_that_every_training_graph_has_says_nothing():
    assert list(Paths().fit(ArchBatch([DIAMOND, LINE])).column_) == [
        ("in", "pool", "out"),
        ("in", "skip", "pool", "out"),
    ]


def test_truncation_keeps_the_most_frequent():
    pool = ArchGraph("s", ("in", "pool", "out"), ((0, 1), (1, 2)))
    assert list(Paths(truncate=1).fit(ArchBatch([LINE, pool, pool])).column_) == [("in", "pool", "out")]


def test_transparent_operations_are_passed_and_paths_counted():
    paths = Paths(counts=True, transparent=("skip",)).fit(ArchBatch([DIAMOND, LINE]))
    assert list(paths.column_) == [("in", "conv", "out"), ("in", "pool", "out")]
    assert paths.transform(ArchBatch([DIAMOND])).tolist() == [[1, 2]]


def test_the_order_of_nodes_does_not_matter():
    turned = ArchGraph("s", ("out", "conv", "in"), ((2, 1), (1, 0)))
    paths = Paths().fit(ArchBatch([DIAMOND, ArchGraph("s", ("in", "out"), ((0, 1),))]))
    assert paths.transform(ArchBatch([turned])).tolist() == paths.transform(ArchBatch([LINE])).tolist()


def test_no_more_paths_are_followed_than_requested():
    # 2 ** 30 paths
    layers = [(a, b) for layer in range(30) for a in (2 * layer, 2 * layer + 1) for b in (2 * layer + 2, 2 * layer + 3)]
    wide = ArchGraph("s", tuple(f"op{node}" for node in range(62)), tuple(layers))
    assert len(Paths(most=100).fit(ArchBatch([wide, LINE])).column_) == 101


def test_a_cycle_is_refused():
    with pytest.raises(InvalidGraph, match="cycle"):
        Paths().fit(ArchBatch([ArchGraph("s", ("a", "b", "c"), ((0, 1), (1, 2), (2, 1)))]))
