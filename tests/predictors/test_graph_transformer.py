"""The layers of the graph transformer: who attends to whom, and what the MLP sums along edges."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from predictors.arch import ArchBatch, ArchGraph  # noqa: E402
from predictors.descent import private_generator  # noqa: E402
from predictors.graph.padding import Padding  # noqa: E402
from predictors.graph.transformer import _Layer, _siblings  # noqa: E402

DIAMOND = ArchGraph("", ("in", "a", "b", "out"), ((0, 1), (0, 2), (1, 3), (2, 3)))
CHAIN = ArchGraph("", ("in", "a", "out"), ((0, 1), (1, 2)))


@pytest.fixture
def graphs():
    batch = ArchBatch([DIAMOND, CHAIN])
    return Padding(reduce=False).fit(batch).transform(batch)


@pytest.fixture
def layer():
    with private_generator(0):
        return _Layer(8, heads=2, dropout=0.0).eval()


def test_siblings_by_hand(graphs):
    successor, predecessor = _siblings(graphs.adjacency)[0].unbind(dim=-1)
    # a and b both feed the output and are both fed by the input; a node with an edge is its own sibling.
    assert successor.tolist() == [[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert predecessor.tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]


def test_the_mlp_sums_what_is_fed_along_and_against_edges(graphs, layer):
    x = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(1))
    own, along, against = layer.start(x).split([16, 8, 8], dim=2)
    fed = torch.zeros(2, 4, 16)
    for number, arch in enumerate([DIAMOND, CHAIN]):
        for source, target in arch.edges:
            fed[number, source, :8] += along[number, target]
            fed[number, target, 8:] += against[number, source]
    assert torch.allclose(layer._fed(x, graphs.adjacency), layer.end(own + fed), atol=1e-6)


def test_siblings_change_what_attention_sees(graphs, layer):
    x = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(1))
    siblings = _siblings(graphs.adjacency)
    with torch.no_grad():
        before = layer._attended(x, graphs, siblings)
        layer.siblings[0] += 3.0
        after = layer._attended(x, graphs, siblings)
    changed = (before - after).abs().amax(dim=2) > 1e-6
    assert changed[0].tolist() == [True, True, True, False]  # the output feeds no node, so it shares no successor
    assert changed[1].tolist()[:3] == [True, True, False]


def test_padding_is_not_attended_to(graphs, layer):
    x = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(1))
    other = x.clone()
    other[1, 3] = 7.0  # the chain has three nodes
    siblings = _siblings(graphs.adjacency)
    assert torch.equal(layer(x, graphs, siblings)[1, :3], layer(other, graphs, siblings)[1, :3])
