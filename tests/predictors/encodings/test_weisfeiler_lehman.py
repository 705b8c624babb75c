"""Weisfeiler-Lehman counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from predictors import ArchBatch, ArchGraph
from predictors.encodings import WeisfeilerLehman

LINE = ArchGraph("s", ("a", "b", "a"), ((0, 1), (1, 2)))
FORK = ArchGraph("s", ("a", "b", "a"), ((1, 0), (1, 2)))


def test_without_refinement_operations_are_counted():
    rows = WeisfeilerLehman(iterations=0).fit(ArchBatch([LINE, FORK])).transform(ArchBatch([LINE, FORK]))
    assert sorted(rows[0]) == sorted(rows[1]) == [1, 2]


def test_one_round_tells_direction_and_neighbours_apart():
    rows = WeisfeilerLehman(iterations=1).fit(ArchBatch([LINE, FORK])).transform(ArchBatch([LINE, FORK]))
    # a, b; in LINE a-before-b, b-between, a-after-b; in FORK b-before-both and a-after-b twice
    assert rows.shape == (2, 6)
    assert rows[0].sum() == rows[1].sum() == 6
    assert sorted(rows[0]) == [0, 1, 1, 1, 1, 2]
    assert sorted(rows[1]) == [0, 0, 1, 1, 2, 2]


def test_attributes_are_part_of_the_label():
    graphs = [ArchGraph("s", ("a",), (), (("channels", (value,)),)) for value in (8.0, 16.0)]
    assert WeisfeilerLehman(iterations=0).fit(ArchBatch(graphs)).transform(ArchBatch(graphs)).shape == (2, 2)


def test_truncation_keeps_labels_of_the_most_graphs():
    graphs = [ArchGraph("s", ("a", "b"), ()), ArchGraph("s", ("a", "c"), ()), ArchGraph("s", ("a", "a"), ())]
    rows = WeisfeilerLehman(iterations=0, truncate=1).fit(ArchBatch(graphs)).transform(ArchBatch(graphs))
    assert rows.tolist() == [[1], [1], [2]]


@settings(max_examples=40)
@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=6), st.data())
def test_isomorphic_graphs_have_equal_rows(ops, data):
    n = len(ops)
    edges = data.draw(st.sets(st.sampled_from([(s, t) for s in range(n) for t in range(s + 1, n)])))
    place = data.draw(st.permutations(range(n)))
    turned = [""] * n
    for node, op in enumerate(ops):
        turned[place[node]] = op
    pair = ArchBatch(
        [
            ArchGraph("s", tuple(ops), tuple(sorted(edges))),
            ArchGraph("s", tuple(turned), tuple((place[s], place[t]) for s, t in sorted(edges))),
        ]
    )
    assert np.array_equal(*WeisfeilerLehman(3).fit(pair[:1]).transform(pair))
