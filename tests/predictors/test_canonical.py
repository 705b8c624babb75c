"""The digest of a labelled graph is equal if and only if the graphs are isomorphic."""

from __future__ import annotations

import time
from itertools import permutations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from predictors.canonical import certificate, digest

nx = pytest.importorskip("networkx", reason="networkx is the oracle for graph isomorphism")


@st.composite
def graphs(draw, max_nodes=7, acyclic=False):
    n = draw(st.integers(0, max_nodes))
    labels = draw(st.lists(st.sampled_from("ab"), min_size=n, max_size=n))
    pairs = [(i, j) for i in range(n) for j in range(n) if (i < j if acyclic else i != j)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return labels, edges


def renamed(graph, order):
    """The same graph with node i called order[i]."""
    labels, edges = graph
    moved = [labels[order.index(node)] for node in range(len(labels))]
    return moved, [(order[source], order[target]) for source, target in edges]


def isomorphic(one, two):
    """By trying every map of the nodes."""
    if sorted(one[0]) != sorted(two[0]) or len(one[1]) != len(two[1]):
        return False
    candidates = permutations(range(len(one[0])))
    return any(
        moved[0] == list(two[0]) and set(moved[1]) == set(two[1])
        for moved in (renamed(one, order) for order in candidates)
    )


def joined(*graphs):
    labels, edges = [], []
    for more, pairs in graphs:
        edges += [(source + len(labels), target + len(labels)) for source, target in pairs]
        labels += more
    return labels, edges


def cycle(n):
    return ["a"] * n, [(node, (node + 1) % n) for node in range(n)]


def undirected(graph):
    return ["a"] * len(graph), [pair for edge in graph.edges for pair in (edge, edge[::-1])]


@given(graphs(acyclic=True), st.randoms(use_true_random=False))
def test_digest_does_not_depend_on_node_numbers(graph, random):
    order = list(range(len(graph[0])))
    random.shuffle(order)
    assert digest(*renamed(graph, order)) == digest(*graph)


@given(graphs(), st.randoms(use_true_random=False))
def test_digest_does_not_depend_on_node_numbers_where_there_are_cycles(graph, random):
    order = list(range(len(graph[0])))
    random.shuffle(order)
    assert digest(*renamed(graph, order)) == digest(*graph)


@settings(max_examples=300)
@given(graphs(max_nodes=5), graphs(max_nodes=5))
@example((["a", "a"], [(0, 1)]), (["a", "a"], [(1, 0)]))
@example((["a", "b"], [(0, 1)]), (["a", "b"], [(1, 0)]))
def test_equal_digest_means_isomorphic(one, two):
    assert (digest(*one) == digest(*two)) == isomorphic(one, two)


@given(graphs(max_nodes=5, acyclic=True), st.data())
def test_one_edge_or_label_changed_is_another_graph_unless_isomorphic(graph, data):
    labels, edges = graph
    pairs = [(i, j) for i in range(len(labels)) for j in range(len(labels)) if i != j]
    if not pairs:
        return
    pair = data.draw(st.sampled_from(pairs))
    other = (labels, sorted(set(edges) ^ {pair}))
    assert digest(*other) != digest(*graph)
    node = data.draw(st.integers(0, len(labels) - 1))
    swapped = [label if at != node else "c" for at, label in enumerate(labels)]
    assert digest(swapped, edges) != digest(*graph)


@given(graphs())
def test_certificate_is_the_graph_itself(graph):
    labels, edges = certificate(*graph)
    build = nx.DiGraph()
    build.add_nodes_from((node, {"op": label}) for node, label in enumerate(graph[0]))
    build.add_edges_from(graph[1])
    again = nx.DiGraph()
    again.add_nodes_from((node, {"op": label}) for node, label in enumerate(labels))
    again.add_edges_from(edges)
    assert nx.is_isomorphic(build, again, node_match=lambda one, two: one == two)
    assert edges == tuple(sorted(set(edges)))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (joined(cycle(3), cycle(3)), cycle(6)),
        (joined(cycle(2), cycle(4)), joined(cycle(3), cycle(3))),
        (undirected(nx.petersen_graph()), undirected(nx.circulant_graph(10, [1, 5]))),
        (undirected(nx.cubical_graph()), undirected(nx.circulant_graph(8, [1, 4]))),
    ],
    ids=["two triangles, a hexagon", "2+4, 3+3", "Petersen, Moebius ladder", "cube, Moebius ladder"],
)
def test_regular_graphs_that_refinement_cannot_distinguish(one, two):
    assert digest(*one) != digest(*two)


def test_strongly_regular_graphs_with_equal_parameters():
    # The 4x4 rook's graph and the Shrikhande graph: both srg(16, 6, 2, 2).
    cells = [(row, column) for row in range(4) for column in range(4)]
    rook = [
        (i, j) for i, a in enumerate(cells) for j, b in enumerate(cells) if i != j and (a[0] == b[0] or a[1] == b[1])
    ]
    steps = {(0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3)}
    shrikhande = [
        (i, j)
        for i, a in enumerate(cells)
        for j, b in enumerate(cells)
        if ((b[0] - a[0]) % 4, (b[1] - a[1]) % 4) in steps
    ]
    assert len(rook) == len(shrikhande) == 96
    assert digest(["a"] * 16, rook) != digest(["a"] * 16, shrikhande)


@given(st.integers(2, 6), st.randoms(use_true_random=False))
def test_twins_are_interchangeable(n, random):
    graph = (["in", *["conv"] * n, "out"], [pair for k in range(1, n + 1) for pair in ((0, k), (k, n + 1))])
    order = list(range(n + 2))
    random.shuffle(order)
    assert digest(*renamed(graph, order)) == digest(*graph)


def test_edge_between_would_be_twins_counts():
    labels = ["in", "conv", "conv", "out"]
    apart = [(0, 1), (0, 2), (1, 3), (2, 3)]
    assert digest(labels, apart) != digest(labels, [*apart, (1, 2)])


def test_labels_with_separators_are_kept_apart():
    assert digest(["a', 'b", "c"], []) != digest(["a", "b', 'c"], [])


def test_two_equal_branches_differ_from_branches_with_crossed_ends():
    labels = ["in", "conv", "conv", "pool", "pool", "out"]
    straight = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 5)]
    crossed = [(0, 1), (0, 2), (1, 3), (1, 4), (3, 5), (4, 5)]
    assert digest(labels, straight) == digest(labels, [(0, 1), (0, 2), (1, 4), (2, 3), (3, 5), (4, 5)])
    assert digest(labels, straight) != digest(labels, crossed)


@pytest.mark.parametrize("branches", [5, 40])
def test_many_equal_branches_take_no_longer_than_their_number_asks(branches):
    # Trying every order of 40 equal branches would never end.
    labels, edges = ["in", "out"], []
    for branch in range(branches):
        first = 2 + 2 * branch
        labels += ["conv", "pool"]
        edges += [(0, first), (first, first + 1), (first + 1, 1)]
    start = time.perf_counter()
    digest(labels, edges)
    assert time.perf_counter() - start < 2


def test_empty_graph_and_single_nodes():
    assert digest([], []) != digest(["a"], []) != digest(["b"], [])
