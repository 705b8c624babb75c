"""Graph predictors: the contract, laws of graphs, and what each of them can do."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")
pytest.importorskip("torch_geometric", reason="the extra nas-proxybench[torch] is not installed")

from predictors.arch import ArchGraph  # noqa: E402
from predictors.checks import check_predictor, example_batch  # noqa: E402
from predictors.descent import private_generator  # noqa: E402
from predictors.errors import NotFitted, UnknownName  # noqa: E402
from predictors.graph import FLAN, GATES, GCN, GIN, GraphTransformer  # noqa: E402
from predictors.graph.base import _scores  # noqa: E402
from predictors.graph.flow import Flow  # noqa: E402
from predictors.graph.scoring import scores, scores_of_many  # noqa: E402
from predictors.losses import LOSSES, AnnealedKendall, mse  # noqa: E402

ALL = [GCN, GIN, GATES, GraphTransformer, FLAN]
QUICK = {"hidden": 16, "layers": 2, "members": 1, "epochs": 1, "min_steps": 8}


def renumbered(arch: ArchGraph, seed: int) -> ArchGraph:
    new = np.random.default_rng(seed).permutation(len(arch)).tolist()
    old = np.argsort(new).tolist()
    return ArchGraph(
        arch.space,
        tuple(arch.ops[node] for node in old),
        tuple((new[source], new[target]) for source, target in arch.edges),
    )


@pytest.mark.parametrize("kind", ALL)
def test_the_contract(kind):
    check_predictor(lambda: kind(**QUICK))


@pytest.mark.parametrize("kind", ALL)
def test_held_out_architectures_are_ranked(kind):
    batch, targets = example_batch(200, seed=1)
    model = kind(members=1, hidden=32, min_steps=60).fit(batch[:100], targets[:100])
    assert model.score(batch[100:], targets[100:]) > 0.7


@pytest.mark.parametrize("kind", ALL)
def test_how_nodes_are_numbered_does_not_matter(kind):
    batch, targets = example_batch(30)
    model = kind(**{**QUICK, "columns": False, "encodings": ""}).fit(list(batch), targets)
    shuffled = [renumbered(arch, seed) for seed, arch in enumerate(batch)]
    assert np.allclose(model.predict(shuffled), model.predict(list(batch)), atol=1e-4 * targets.std())


@pytest.mark.parametrize("kind", ALL)
def test_padding_does_not_matter(kind):
    chain = ArchGraph("example", ("input", *["conv3x3", "skip"] * 15, "output"), tuple((i, i + 1) for i in range(31)))
    batch, targets = example_batch(30)
    model = kind(**{**QUICK, "columns": False}).fit(list(batch), targets)
    alone, together = model.predict(list(batch)), model.predict([*batch, chain])
    assert np.isfinite(together).all()
    assert np.allclose(together[:-1], alone, atol=1e-4 * targets.std())


@pytest.mark.parametrize("kind", ALL)
def test_embedding_equal_graphs_once_changes_no_score(kind):
    batch, targets = example_batch(60)
    batch = batch[np.arange(120) % 60].with_columns(**{"proxy:more": np.random.default_rng(0).normal(size=120)})
    model = kind(**QUICK).fit(batch, np.tile(targets, 2))
    graphs = model.padding_.transform(batch)
    assert len(graphs.distinct()[0]) <= 60
    (network,) = model.networks_
    assert torch.allclose(scores_of_many([network], graphs)[0], scores(network, graphs), atol=1e-4)


@pytest.mark.parametrize("kind", ALL)
def test_every_operation_that_training_lacked_counts_as_the_mean_of_those_it_had(kind):
    batch, targets = example_batch(30)
    model = kind(**{**QUICK, "columns": False, "encodings": ""}).fit(list(batch), targets)

    def with_second(op):
        return [dataclasses.replace(arch, ops=(arch.ops[0], op, *arch.ops[2:])) for arch in batch]

    new, newer, known = (model.predict(with_second(op)) for op in ("new", "newer", "conv3x3"))
    assert np.array_equal(new, newer)
    assert not np.allclose(new, known)


@pytest.mark.parametrize(
    "loss", [*sorted(LOSSES), AnnealedKendall(), mse], ids=lambda loss: getattr(loss, "__name__", str(loss))
)
def test_every_loss_teaches(loss):
    batch, targets = example_batch(100, seed=1)
    model = GIN(members=1, hidden=32, min_steps=40, loss=loss).fit(batch[:60], targets[:60])
    assert model.score(batch[60:], targets[60:]) > 0.6


def test_columns_are_used_by_default():
    batch, targets = example_batch(160, seed=1)
    tau = [
        GIN(members=1, hidden=32, min_steps=60, columns=columns)
        .fit(batch[:100], targets[:100])
        .score(batch[100:], targets[100:])
        for columns in (True, False)
    ]
    assert tau[0] > tau[1] + 0.1


def test_members_are_averaged_and_hold_out_different_folds():
    batch, targets = example_batch(220)
    model = GIN(**{**QUICK, "members": 3}).fit(batch, targets)
    assert len(model.networks_) == 3
    assert len({tuple(next(network.parameters()).flatten().tolist()) for network in model.networks_}) == 3


def test_networks_score_the_folds_that_they_held_out():
    batch, targets = example_batch(220)
    model = GIN(members=2, epochs=1, min_steps=2).fit(batch, targets)
    found = model.held_out_scores([])
    assert np.isfinite(found).sum() == 2 * 220 / 5
    single = [
        (own - mean) / deviation
        for own, (mean, deviation) in zip(
            _scores(model.networks_, model.padding_.transform(batch)), model.member_scales_, strict=True
        )
    ]
    known = np.isfinite(found)
    assert ((found[known] == single[0][known]) | (found[known] == single[1][known])).all()
    assert GIN(members=1, epochs=1, min_steps=2).fit(batch[:100], targets[:100]).held_out_scores([]) is None


def test_predictions_are_on_the_scale_of_the_targets():
    batch, targets = example_batch(60)
    predicted = GIN(**{**QUICK, "min_steps": 60}).fit(batch, 90 + targets).predict(batch)
    assert predicted.mean() == pytest.approx(90 + targets.mean(), abs=1e-3)
    assert predicted.std() == pytest.approx(targets.std(), rel=1e-3)


@pytest.mark.parametrize("kind", ALL)
def test_an_architecture_whose_output_sees_no_input_is_the_lowest(kind):
    batch, targets = example_batch(40, seed=3)
    model = kind(columns=False, **QUICK).fit(batch, targets)
    cut = ArchGraph("s", ("input", "conv3x3", "none", "conv3x3", "output"), ((0, 1), (1, 2), (2, 3), (3, 4)))
    assert model.predict([cut])[0] <= np.quantile(model.predict(batch), 0.05)


def test_equal_targets_are_no_error():
    batch, _ = example_batch(10)
    assert GIN(**QUICK).fit(batch, np.ones(10)).predict(batch).tolist() == pytest.approx([1.0] * 10)


def test_graphs_without_edges_or_with_one_node():
    archs = [ArchGraph("s", (op,), ()) for op in "abab"]
    for kind in ALL:
        assert np.isfinite(kind(**QUICK).fit(archs, [0.0, 1.0, 0.0, 1.0]).predict(archs)).all()


def test_the_laplacian_is_an_encoding_too():
    batch, targets = example_batch(100, seed=1)
    model = GraphTransformer(members=1, hidden=32, min_steps=60, positions="laplacian").fit(batch[:60], targets[:60])
    assert model.score(batch[60:], targets[60:]) > 0.6


def flow_of(seed):
    with private_generator(seed):
        return Flow(64).requires_grad_(False)


def chain(nodes):
    return torch.diag(torch.ones(nodes - 1), 1)[None]


@pytest.mark.parametrize("seed", range(3))
def test_information_reaches_the_end_of_a_deep_graph(seed):
    given = flow_of(seed)(torch.zeros(1, 40, 64), chain(40))[0]
    assert given[-1].square().mean() > 0.01 * given[0].square().mean()


def test_what_flows_and_its_gradients_are_those_of_the_formula():
    private = torch.Generator().manual_seed(0)
    adjacency = torch.triu((torch.rand(5, 6, 6, generator=private) < 0.4).double(), 1)
    flow = Flow(4).double()
    ops = torch.randn(5, 6, 4, dtype=torch.float64, generator=private)

    def by_formula(ops, start, weight):
        passed, made = flow.gates(ops).sigmoid().chunk(2, dim=-1)
        entry = (adjacency.sum(dim=1) == 0) & (adjacency.sum(dim=2) > 0)
        given = torch.zeros(5, 0, 4, dtype=torch.float64)
        for node in range(6):
            arriving = entry[:, node, None] * start + torch.einsum("nj,njd->nd", adjacency[:, :node, node], given)
            u = arriving / (1 + arriving.square().mean(dim=1, keepdim=True)).sqrt()
            given = torch.cat([given, (passed[:, node] * u + made[:, node] * (u @ weight.T).relu())[:, None]], dim=1)
        return given

    found, expected = flow(ops, adjacency), by_formula(ops, flow.start, flow.transform.weight)
    torch.testing.assert_close(found, expected)
    weights = torch.randn(5, 6, 4, dtype=torch.float64, generator=private)
    gradients = [torch.autograd.grad((given * weights).sum(), list(flow.parameters())) for given in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_a_closed_gate_stops_information():
    flow = flow_of(0)
    flow.gates.weight.fill_(1.0)
    ops = torch.zeros(1, 4, 64)
    assert flow(ops, chain(4))[0].abs().amax(dim=1).min() > 0.1
    ops[0, 1] = -10.0
    assert flow(ops, chain(4))[0].abs().amax(dim=1)[1:].tolist() == [0, 0, 0]


def test_a_node_without_edges_has_no_information():
    adjacency = torch.nn.functional.pad(chain(2), (0, 1, 0, 1))
    assert flow_of(0)(torch.zeros(1, 3, 64), adjacency)[0, 2].tolist() == [0.0] * 64


def test_wrong_use_is_named():
    batch, targets = example_batch(10)
    with pytest.raises(NotFitted, match="GCN is not fitted"):
        GCN().predict(batch)
    with pytest.raises(UnknownName, match="Did you mean 'hinge'"):
        GCN(loss="hinges").fit(batch, targets)
    with pytest.raises(UnknownName, match="Did you mean 'rank'"):
        GCN(target="ranks").fit(batch, targets)
    with pytest.raises(UnknownName, match="Did you mean 'laplacian'"):
        GraphTransformer(positions="laplace").fit(batch, targets)
    with pytest.raises(ValueError, match="3 heads do not divide a width of 64"):
        FLAN(heads=3).fit(batch, targets)
    with pytest.raises(ValueError, match="at least 2 architectures"):
        GIN().fit(batch[:1], targets[:1])


def test_no_architectures_have_no_predictions():
    batch, targets = example_batch(10)
    assert GIN(**QUICK).fit(batch, targets).predict(batch[:0]).shape == (0,)


def test_the_package_says_what_to_install(monkeypatch):
    import predictors.graph

    monkeypatch.setitem(sys.modules, "torch_geometric.nn.dense", None)
    for module in ("predictors.graph.dense", "predictors.graph.convolutions"):
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr(predictors.graph, "convolutions")
    monkeypatch.delattr(predictors.graph, "dense")
    with pytest.raises(
        ModuleNotFoundError, match=r"GCN needs torch_geometric; run: pip install 'nas-proxybench\[torch\]'"
    ):
        predictors.graph.__getattr__("GCN")
    with pytest.raises(AttributeError, match="no attribute 'GCNN'"):
        predictors.graph.__getattr__("GCNN")
