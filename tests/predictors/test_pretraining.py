"""Pre-training on free statistics: the contract, what is carried over, and that it helps where little is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.base import clone

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")
pytest.importorskip("torch_geometric", reason="the extra nas-proxybench[torch] is not installed")

from predictors.arch import ArchBatch, ArchGraph  # noqa: E402
from predictors.checks import check_predictor, example_batch  # noqa: E402
from predictors.encodings import Columns  # noqa: E402
from predictors.errors import UnknownName  # noqa: E402
from predictors.graph.layers import Sizes  # noqa: E402
from predictors.graph.padding import Padding  # noqa: E402
from predictors.pretraining import ENCODERS, Pretrained, carry_over, known_error  # noqa: E402

QUICK = {"hidden": 16, "members": 1, "epochs": 1, "min_steps": 5, "pretraining_steps": 5}
WORTH = {"conv3x3": 1.0, "conv1x1": 0.5}


def chains(n, seed=0, renamed=""):
    """Graphs of five operations in a row, and what these are worth: more the later they stand."""
    chosen = np.random.default_rng(seed).integers(4, size=(n, 5))
    ops = ("conv3x3", "conv1x1", "skip", "pool")
    rows = [[ops[op] for op in row] for row in chosen]
    worth = np.array([sum((place + 1) * WORTH.get(op, 0.0) for place, op in enumerate(row)) for row in rows])
    edges = tuple((place, place + 1) for place in range(6))
    archs = [ArchGraph("chain", ("input", *(op + renamed for op in row), "output"), edges) for row in rows]
    return archs, worth


def with_statistics(archs, worth, **columns):
    return ArchBatch(archs, {"cost:flops": worth**2, "cost:params": -worth, **columns})


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_contract(encoder):
    check_predictor(lambda: Pretrained(encoder=encoder, **QUICK))


def test_the_contract_holds_for_one_that_was_pretrained():
    batch, _ = example_batch(30, seed=5)
    start = Pretrained(**QUICK).pretrain(batch).start
    check_predictor(lambda: Pretrained(start=start, **QUICK))


@pytest.fixture(scope="module")
def start():
    archs, worth = chains(300)
    return Pretrained(hidden=32, pretraining_steps=150).pretrain(with_statistics(archs, worth)).start


def test_pretraining_learns_statistics_of_architectures_it_has_not_seen(start):
    archs, worth = chains(200, seed=1)
    assert start.statistics == ("cost:flops", "cost:params")
    flops, params = start.predict(archs).T
    assert np.corrcoef(flops, worth)[0, 1] > 0.9
    assert np.corrcoef(params, worth)[0, 1] < -0.9


def test_it_orders_architectures_better_where_few_accuracies_are_known(start):
    archs, worth = chains(300, seed=1)
    gains = []
    for seed in range(3):
        few = np.random.default_rng(seed).permutation(100)[:12]
        tau = []
        for options in ({"start": start}, {"pretraining_steps": 0}):
            model = Pretrained(hidden=32, members=1, epochs=1, min_steps=30, random_state=seed, **options)
            model.fit([archs[row] for row in few], worth[few])
            tau.append(model.score(archs[100:], worth[100:]))
        gains.append(tau[0] - tau[1])
    assert min(gains) > 0
    assert np.mean(gains) > 0.05


def test_a_clone_is_pretrained_too_and_the_same():
    archs, worth = chains(60)
    model = Pretrained(**QUICK).pretrain(with_statistics(archs, worth))
    copied = clone(model)
    assert copied.start is not model.start
    assert np.array_equal(
        copied.fit(archs[:20], worth[:20]).predict(archs), model.fit(archs[:20], worth[:20]).predict(archs)
    )
    assert "start=Start(shape=('gates', 16, 1), statistics=('cost:flops', 'cost:params'))" in repr(model)


def test_without_pretraining_the_statistics_of_the_training_part_are_learned_and_none_of_plain_graphs():
    archs, worth = chains(30)
    assert Pretrained(**QUICK).fit(with_statistics(archs, worth), worth).start_.statistics[0] == "cost:flops"
    assert Pretrained(**QUICK).fit(archs, worth).start_ is None
    assert Pretrained(**{**QUICK, "pretraining_steps": 0}).fit(with_statistics(archs, worth), worth).start_ is None


def test_which_columns_are_statistics():
    archs, worth = chains(30)
    further = {"recipe:epochs": worth, "curve:val_acc@1": worth, "proxy:same": 0 * worth, "proxy:none": np.nan * worth}
    batch = with_statistics(archs, worth, **further)

    def learned(**options):
        return Pretrained(**QUICK, **options).pretrain(batch).start.statistics

    assert learned() == ("cost:flops", "cost:params")
    assert learned(statistics=["cost:params", "curve:"]) == ("cost:params", "curve:val_acc@1")
    assert learned(recipe=()) == ("cost:flops", "cost:params", "recipe:epochs")
    with pytest.raises(UnknownName, match="Did you mean 'cost:params'"):
        learned(statistics=["cost:param"])


def test_costs_of_what_is_left_out_of_the_graph_are_not_learned():
    archs, worth = chains(40)
    blocked = [dataclasses.replace(arch, ops=("input", "none", *arch.ops[2:])) for arch in archs]
    batch = with_statistics([*archs[:20], *blocked[20:]], worth)
    scores = Pretrained(**QUICK)._statistics(batch)[1]
    assert np.isfinite(scores[:20]).all()
    assert np.isnan(scores[20:]).all()
    assert np.isfinite(Pretrained(**QUICK, reduce=False)._statistics(batch)[1]).all()


def test_the_error_counts_what_is_known():
    predicted = torch.tensor([[1.0, 5.0], [2.0, 3.0]], requires_grad=True)
    nan = float("nan")
    error = known_error(predicted, torch.tensor([[0.0, nan], [nan, 1.0]]))
    assert error.item() == pytest.approx((1 + 4) / 2)
    error.backward()
    assert predicted.grad.tolist() == [[1.0, 0.0], [0.0, 2.0]]
    assert known_error(torch.ones(2), torch.full((2, 1), nan)).item() == 0


def drawn(encoder, archs, columns=(), seed=1):
    """A network for these architectures, not trained, with its padding."""
    batch = ArchBatch(archs, {name: np.arange(len(archs), dtype=float) for name in columns})
    padding = Padding(Columns()).fit(batch)
    torch.manual_seed(seed)
    sizes = Sizes(7.0, len(padding.ops_), 0, padding.positions, len(columns))
    return Pretrained(encoder=encoder, hidden=16)._encoder()._network(sizes), padding


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_network_of_the_same_operations_begins_with_the_learned_embeddings_of_graphs(encoder):
    archs, worth = chains(20)
    with torch.random.fork_rng():
        start = Pretrained(encoder=encoder, **QUICK).pretrain(with_statistics(archs, worth)).start
        network, padding = drawn(encoder, archs)
    before = network.head.score[-1].weight.clone()
    carry_over(start, network, padding)
    known = start.network.state_dict()
    for name, values in network.state_dict().items():
        if not name.startswith("head.score.3"):
            assert torch.equal(values, known[name]), name
    assert torch.equal(network.head.score[-1].weight, before)


def test_operations_and_recipes_are_carried_over_by_name():
    archs, worth = chains(20)
    columns = {"recipe:epochs": worth, "recipe:rate": -worth}
    start = Pretrained(**QUICK).pretrain(with_statistics(archs, worth, **columns)).start
    few = [dataclasses.replace(arch, ops=("a new one", "pool", *["conv1x1"] * 4, "output")) for arch in archs]
    with torch.random.fork_rng():
        network, padding = drawn("gates", few, ("cost:flops", "recipe:rate"))
    own = network.head.columns[0].weight.clone()
    padding.rows.parts_ = [padding.rows]
    carry_over(start, network, padding)
    learned = start.network
    for op in ("pool", "conv1x1", "output"):
        assert torch.equal(network.embedding.ops[padding.ops_[op]], learned.embedding.ops[start.padding.ops_[op]])
    new = network.embedding.ops[padding.ops_["a new one"]]
    assert not any(torch.equal(new, row) for row in learned.embedding.ops)
    assert torch.equal(network.head.columns[0].weight[:, 0], own[:, 0])
    assert torch.equal(network.head.columns[0].weight[:, 1], learned.head.columns[0].weight[:, 1])
    assert torch.equal(network.head.score[0].weight, learned.head.score[0].weight)


def test_attributes_of_nodes_are_carried_over_by_name():
    def deeper(names):
        archs, worth = chains(20)
        width = tuple((name, tuple(range(7))) for name in names)
        return [dataclasses.replace(arch, attrs=width) for arch in archs], worth

    start = (
        Pretrained(encoder="graph_transformer", **QUICK).pretrain(with_statistics(*deeper(["depth", "width"]))).start
    )
    archs, worth = deeper(["stride", "width"])
    model = Pretrained(encoder="graph_transformer", **{**QUICK, "min_steps": 1, "learning_rate": 0.0}, start=start)
    numbers = model.fit(archs, worth).networks_[0].embedding.numbers.weight
    learned = start.network.embedding.numbers.weight
    assert torch.equal(numbers[:, 1:], learned[:, 1:])
    assert not torch.equal(numbers[:, 0], learned[:, 0])


def test_another_space_is_no_error_and_its_operations_differ_from_the_start():
    archs, worth = chains(40)
    others, _ = chains(40, renamed="-elsewhere")
    model = Pretrained(**QUICK).pretrain(with_statistics(archs, worth)).fit(others, worth)
    assert len(np.unique(model.predict(others))) > 30


def test_accuracies_elsewhere_are_one_more_statistic():
    archs, worth = chains(60)
    elsewhere = ArchBatch(archs, {"source:cifar100": 50 + worth})
    model = Pretrained(**QUICK).pretrain(elsewhere).fit(archs[:10], worth[:10])
    assert model.start_.statistics == ("source:cifar100",)
    assert np.isfinite(model.predict(archs)).all()


@pytest.mark.parametrize("options", [{}, {"columns": False, "encodings": Columns(only=("recipe:",))}])
def test_recipes_are_read_next_to_the_graph(options):
    archs, worth = chains(200)
    epochs = np.random.default_rng(1).uniform(0, 20, 200)
    batch = ArchBatch(archs, {"recipe:epochs": epochs, "cost:flops": worth})
    model = Pretrained(hidden=32, members=1, epochs=1, min_steps=60, pretraining_steps=50, **options)
    model.fit(batch[:150], (worth + epochs)[:150])
    assert model.score(batch[150:], (worth + epochs)[150:]) > 0.6
    longer = batch.with_columns(**{"recipe:epochs": np.full(200, 19.0)})
    shorter = batch.with_columns(**{"recipe:epochs": np.full(200, 1.0)})
    assert (model.predict(longer) > model.predict(shorter)).all()


def test_wrong_use_is_named():
    archs, worth = chains(20)
    batch = with_statistics(archs, worth)
    with pytest.raises(ValueError, match="nothing to pre-train on"):
        Pretrained(**QUICK).pretrain(ArchBatch(archs))
    with pytest.raises(ValueError, match="not 0"):
        Pretrained(**{**QUICK, "pretraining_steps": 0}).pretrain(batch)
    with pytest.raises(UnknownName, match="Did you mean 'gates'"):
        Pretrained(encoder="gate", **QUICK).pretrain(batch)
    model = Pretrained(**QUICK).pretrain(batch)
    with pytest.raises(
        ValueError, match=r"\('gates', 16, 1\), but these are now \('gin', 16, 1\); call pretrain again"
    ):
        model.set_params(encoder="gin").fit(archs, worth)
    with pytest.raises(UnknownName, match="Did you mean 'hinge'"):
        Pretrained(loss="hinges", **QUICK).fit(batch, worth)
