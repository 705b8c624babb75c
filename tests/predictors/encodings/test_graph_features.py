"""Graph features: by hand on a small cell, and against networkx on random ones."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictors import ArchBatch, ArchGraph
from predictors.encodings import GraphFeatures, LiveCounts
from predictors.encodings.graph_features import subsets
from predictors.encodings.roles import roles
from predictors.errors import InvalidGraph

EDGES = ((0, 1), (1, 2), (2, 4), (0, 3), (3, 4))


def cell(first, second, third):
    """Two branches: first and then second, parallel to third."""
    return ArchGraph("s", ("in", first, second, third, "out"), EDGES)


TRAINING = ArchBatch([cell("a", "b", "a"), cell("b", "b", "b"), cell("a", "a", "b"), cell("b", "a", "a")])


def test_roles_are_read_off_the_training_part():
    found = roles(TRAINING.archs)
    assert found.choices == ("a", "b")
    assert found.fixed == ("in", "out")
    assert found.ends == ("out",)


def test_a_sum_at_the_same_place_everywhere_is_a_fixed_part():
    graphs = [ArchGraph("s", ("in", op, "add", "out"), ((0, 1), (1, 2), (2, 3))) for op in ("a", "b")]
    assert roles(graphs).fixed == ("add", "in", "out")


def test_features_by_hand():
    encoding = GraphFeatures().fit(TRAINING)
    encoding.used_[:] = True  # also what is constant in these four
    row = encoding.transform(ArchBatch([cell("a", "b", "a")]))[0]
    assert encoding.subsets_ == [(0,), (1,), (0, 1)]
    expected = [
        *(2, 1),  # count of a, of b
        *(1, 6, 1),  # fewest operations on a path of a only: third; of b only: none, so 5 nodes + 1; of both: third
        *(1, 1, 2),  # most a on a path, most b, most of either
        *(2, 0, 2),  # the input feeds a twice
        *(1, 1, 2),  # the output is fed by b and a
        *(2 / 5, 1 / 5, 3 / 5),  # edges from a: 1-2 and 3-4, from b: 2-4; over 5 nodes
        *(2 / 5, 1 / 5, 3 / 5),  # edges to a: 0-1 and 0-3, to b: 1-2
        *(1, 1, 2),  # the output is fed by a and b
        *(2, 1, 2),  # the input feeds a twice
    ]
    assert row.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("n", "limit", "count", "sizes"),
    [
        (3, 64, 7, {1, 2, 3}),
        (5, 31, 31, {1, 2, 3, 4, 5}),
        (8, 64, 45, {1, 2, 7, 8}),
        (2, 0, 0, set()),
        (0, 64, 0, set()),
    ],
)
def test_subsets_fit_the_limit(n, limit, count, sizes):
    found = subsets(n, limit)
    assert len(found) == len(set(found)) == count
    assert {len(subset) for subset in found} == sizes


@st.composite
def random_cells(draw):
    """A graph whose first node reaches and whose last node is reached from every other one."""
    n = draw(st.integers(3, 6))
    ops = ("in", *(draw(st.sampled_from("abc")) for _ in range(n - 2)), "out")
    edges = {(s, t) for s in range(n) for t in range(s + 1, n) if draw(st.booleans())}
    for node in range(1, n - 1):
        if not any(t == node for _, t in edges):
            edges.add((0, node))
        if not any(s == node for s, _ in edges):
            edges.add((node, n - 1))
    return ArchGraph("s", ops, tuple(sorted(edges | {(0, n - 1)})))


ALL_OPERATIONS = [ArchGraph("s", ("in", *order, "out"), ((0, 1), (1, 2), (2, 3), (3, 4))) for order in ("abc", "bca")]


@settings(max_examples=60)
@given(random_cells())
def test_path_features_agree_with_networkx(arch):
    encoding = GraphFeatures().fit(ArchBatch(ALL_OPERATIONS))
    encoding.used_ = np.ones(3 + 7 * 8, dtype=bool)
    row = encoding.transform(ArchBatch([arch]))[0]
    graph = nx.DiGraph(arch.edges)
    for place, subset in enumerate(encoding.subsets_):
        members = {"abc"[index] for index in subset}
        kept = [node for node, op in enumerate(arch.ops) if op in members or op in ("in", "out")]
        length = nx.shortest_path_length(graph.subgraph(kept), 0, len(arch) - 1) - 1
        most = max(sum(arch.ops[v] in members for v in path) for path in nx.all_simple_paths(graph, 0, len(arch) - 1))
        assert row[3 + place] == length
        assert row[3 + 7 + place] == most


@settings(max_examples=30)
@given(st.lists(random_cells(), min_size=1, max_size=5))
def test_graphs_next_to_each_other_are_as_alone(archs):
    for encoding in (GraphFeatures().fit(ArchBatch(archs)), LiveCounts().fit(ArchBatch(archs))):
        encoding.used_[:] = True
        together = encoding.transform(ArchBatch(archs))
        assert together.tolist() == [encoding.transform(ArchBatch([arch]))[0].tolist() for arch in archs]


@settings(max_examples=30)
@given(random_cells(), st.randoms())
def test_the_order_of_nodes_does_not_matter(arch, random):
    place = list(range(len(arch)))
    random.shuffle(place)
    ops = [""] * len(arch)
    for node, op in enumerate(arch.ops):
        ops[place[node]] = op
    turned = ArchGraph("s", tuple(ops), tuple((place[s], place[t]) for s, t in arch.edges))
    encoding = GraphFeatures().fit(ArchBatch(ALL_OPERATIONS))
    encoding.used_ = np.ones(3 + 7 * 8, dtype=bool)
    assert np.array_equal(*encoding.transform(ArchBatch([arch, turned])))


def test_each_output_has_its_own_paths():
    graphs = [
        ArchGraph("s", ("in", x, y, "left", "right"), ((0, 1), (0, 2), (1, 3), (2, 4))) for x, y in ("ab", "ba", "aa")
    ]
    encoding = GraphFeatures().fit(ArchBatch(graphs))
    assert encoding.roles_.ends == ("left", "right")
    encoding.used_[:] = True
    row = encoding.transform(ArchBatch(graphs[:1]))[0]
    assert row[2:8].tolist() == [1, 6, 1, 6, 1, 1]  # to the left a, b, both; to the right


def test_a_cycle_is_refused():
    with pytest.raises(InvalidGraph, match="cycle"):
        GraphFeatures().fit(ArchBatch([ArchGraph("s", ("a", "b", "c"), ((0, 1), (1, 2), (2, 1)))]))
