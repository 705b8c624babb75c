"""What edges say: order, relations, positions, Laplacian, by hand and under another numbering of nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictors.graph.topology import AFTER, APART, BEFORE, FED_BY, FEEDS, SELF, topology

DIAMOND = ((0, 1), (0, 2), (1, 3), (2, 3), (3, 4))


@st.composite
def dags(draw):
    nodes = draw(st.integers(1, 7))
    pairs = [(i, j) for j in range(nodes) for i in range(j)]
    return nodes, tuple(pair for pair in pairs if draw(st.booleans()))


def test_relations_of_a_diamond_with_a_tail():
    found = topology(5, DIAMOND)
    assert found.relation[0].tolist() == [SELF, FEEDS, FEEDS, BEFORE, BEFORE]
    assert found.relation[1].tolist() == [FED_BY, SELF, APART, FEEDS, BEFORE]
    assert found.relation[4].tolist() == [AFTER, AFTER, AFTER, FED_BY, SELF]


def test_positions_of_a_diamond_with_a_tail():
    first, _, last = topology(5, DIAMOND).position[[0, 1, 4]]
    # depth and height of 3, degrees, shares before and after, source, sink
    assert first[:8].tolist() == pytest.approx([0, 1, 0, math.log(3), 0, 1, 1, 0])
    assert last[:8].tolist() == pytest.approx([1, 0, math.log(2), 0, 1, 0, 0, 1])
    # back after 2 steps: from either neighbour (each of degree 2) with 1/2; from the tail's end by its one neighbour
    assert first[8:].tolist() == pytest.approx([0, 1 / 2, 0, 2 * (1 / 2 * 1 / 2 * (1 / 3 + 1 / 2))])
    assert last[8:].tolist()[:3] == pytest.approx([0, 1 / 3, 0])


def test_nodes_come_in_topological_order():
    found = topology(4, ((3, 1), (1, 0), (0, 2)))
    assert found.order.tolist() == [3, 1, 0, 2]
    assert found.adjacency.tolist() == np.eye(4, k=1, dtype=bool).tolist()


@given(dags(), st.randoms(use_true_random=False))
def test_positions_and_relations_do_not_depend_on_numbers(graph, random):
    nodes, edges = graph
    new = list(range(nodes))
    random.shuffle(new)
    one, other = topology(nodes, edges), topology(nodes, tuple((new[i], new[j]) for i, j in edges))
    at_one, at_other = np.argsort(one.order), np.argsort(other.order)[new]
    assert np.allclose(one.position[at_one], other.position[at_other], atol=1e-6)
    assert np.array_equal(one.relation[np.ix_(at_one, at_one)], other.relation[np.ix_(at_other, at_other)])


@given(dags())
def test_edges_lead_to_later_places(graph):
    adjacency = topology(*graph).adjacency
    assert not np.tril(adjacency).any()
    assert adjacency.sum() == len(graph[1])


def test_a_cycle_is_no_error():
    found = topology(3, ((0, 1), (1, 2), (2, 1)))
    assert found.order.tolist() == [0, 1, 2]
    assert found.relation[1, 2] == FEEDS
    assert np.isfinite(found.position).all()


def test_laplacian_of_a_path_of_three():
    # I - D^-1/2 A D^-1/2 has the eigenvalues 0, 1, 2; of 1 the vector is (1, 0, -1) / sqrt(2)
    vectors = topology(3, ((0, 1), (1, 2)), eigenvectors=3).laplacian
    assert np.abs(vectors[:, 0]).tolist() == pytest.approx([math.sqrt(0.5), 0, math.sqrt(0.5)], abs=1e-6)
    assert np.abs(vectors[:, 1]).tolist() == pytest.approx([0.5, math.sqrt(0.5), 0.5], abs=1e-6)
    assert vectors[:, 2].tolist() == [0, 0, 0]
