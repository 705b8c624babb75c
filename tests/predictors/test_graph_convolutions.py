"""The graph convolutions of GCN, and both directions of edges as one product of matrices."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from predictors.checks import example_batch  # noqa: E402
from predictors.graph.convolutions import _GCN, _neighbours  # noqa: E402
from predictors.graph.layers import Sizes  # noqa: E402
from predictors.graph.padding import Padding  # noqa: E402


@pytest.fixture
def graphs():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        batch, _ = example_batch(30)
        yield Padding().fit(batch).transform(batch)


def network(graphs, layers=3):
    ops = int(graphs.ops.max()) + 1
    return _GCN(Sizes(5.0, ops, graphs.attributes.shape[2], 0, 0), hidden=8, layers=layers, dropout=0.0)


@pytest.mark.parametrize("training", [False, True])
def test_layers_are_the_mean_of_a_convolution_along_edges_and_one_against_them(graphs, training):
    model = network(graphs).train(training)
    for layer in [*model.along, *model.against]:
        torch.nn.init.normal_(layer.bias)
    x = torch.cat([model.embedding(graphs), model.glob.expand(len(graphs), 1, -1)], dim=1)
    mask = torch.cat([graphs.mask, torch.ones(len(graphs), 1, dtype=torch.bool)], dim=1)
    adjacency = torch.zeros(len(graphs), x.shape[1], x.shape[1])
    adjacency[:, :-1, :-1] = graphs.adjacency
    adjacency[:, :-1, -1] = graphs.mask.float()  # every node feeds the global one
    for along, against, norm in zip(model.along, model.against, model.norms, strict=True):
        x = norm((along(x, adjacency.mT.contiguous(), mask) + against(x, adjacency, mask)) / 2).relu()
    assert torch.allclose(model.embed(graphs), x[:, -1], atol=1e-5)


def test_what_a_convolution_sums_by_hand(graphs):
    row = int(torch.nonzero(graphs.mask.sum(dim=1) > 2)[0, 0])
    one = graphs[torch.tensor([row])]
    nodes = one.ops.shape[1]
    summed = _neighbours(one)[0]
    assert summed.shape == (2 * (nodes + 1), nodes + 1)
    fed_by = one.adjacency[0].sum(dim=0)
    assert summed[0, 0] == pytest.approx(1 / (1 + float(fed_by[0])))  # a loop in addition to what feeds the node
    present = int(one.mask.sum())
    assert summed[-2, -1] == pytest.approx(1 / (1 + present))  # the global node is fed by all,
    assert summed[-1].tolist() == [0.0] * nodes + [1.0]  # and feeds none
