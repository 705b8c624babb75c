"""ParZC as a predictor: the contract, what it learns from nodes, draws for deviations, memory, errors."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone

torch = pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

from predictors import check_predictor  # noqa: E402
from predictors.arch import ArchBatch, ArchGraph, Ragged  # noqa: E402
from predictors.checks import example_batch  # noqa: E402
from predictors.errors import NotFitted, UnknownName  # noqa: E402
from predictors.parzc import FreeParZC, NoNodeStatistics, PaperParZC, ParZC  # noqa: E402

SMALL = {"members": 2, "hidden": 8, "layers": 1, "epochs": 1, "min_steps": 15, "segment": 2}
LENGTHS = {"conv3x3": 2, "conv1x1": 1, "skip": 3, "pool": 1}


def with_nodes(batch: ArchBatch) -> ArchBatch:
    """A value for each node, by its operation, twice or three times for some, so that lengths differ."""
    rows = [
        [5.0 * (op == "conv3x3") + (op == "conv1x1") for op in arch.ops for _ in range(LENGTHS.get(op, 1))]
        for arch in batch
    ]
    nodes = {"nodes:size": Ragged.from_rows(rows), "nodes:twice": Ragged.from_rows([[2 * v for v in r] for r in rows])}
    return ArchBatch(batch.archs, batch.columns, {**batch.nodes, **nodes})


def hidden_sum(n: int, seed: int, ragged: bool = True) -> tuple[ArchBatch, np.ndarray]:
    """Graphs of no meaning, with node values of which every second counts for the target."""
    random = np.random.default_rng(seed)
    rows = [random.normal(size=random.integers(5, 9) if ragged else 8) for _ in range(n)]
    batch, _ = example_batch(n, seed)
    return ArchBatch(batch.archs, {}, {"nodes:a": Ragged.from_rows(rows)}), np.array([row[::2].sum() for row in rows])


@pytest.mark.parametrize("kind", [ParZC, PaperParZC])
def test_the_contract_is_kept(kind):
    check_predictor(lambda: kind(supply=with_nodes, **SMALL))


def test_the_contract_is_kept_without_bayesian_layers_and_without_training():
    check_predictor(lambda: ParZC(supply=with_nodes, bayesian=False, **SMALL))
    check_predictor(lambda: FreeParZC(supply=with_nodes))


@pytest.mark.parametrize("mixing", ["tokens", "mlp"])
def test_it_learns_which_nodes_count(mixing):
    batch, targets = hidden_sum(500, seed=0, ragged=False)
    settings = {
        "encodings": "",
        "totals": False,
        "members": 1,
        "hidden": 16,
        "segment": 3,
        "epochs": 40,
        "min_steps": 1,
    }
    model = ParZC(mixing=mixing, **settings).fit(batch[:300], targets[:300])
    assert model.score(batch[300:], targets[300:]) > 0.75
    free = FreeParZC(period=2.0).fit(batch[:300], targets[:300])  # all nodes weigh the same
    assert free.score(batch[300:], targets[300:]) < 0.6


def test_an_architecture_whose_output_sees_no_input_is_the_lowest():
    batch, targets = hidden_sum(60, seed=2)
    cut = ArchGraph("s", ("input", "none", "output"), ((0, 1), (1, 2)))
    high = Ragged.from_rows([[9.0] * 8])  # what would be the highest score
    model = ParZC(**SMALL).fit(batch, targets)
    floor = model.predict(ArchBatch([cut], {}, {"nodes:a": high}))[0]
    assert floor <= np.quantile(model.predict(batch), 0.05)
    training = ArchBatch([*batch.archs[:59], cut], {}, batch.nodes)
    knows = ParZC(**SMALL).fit(training, np.append(targets[:59], np.median(targets)))
    assert knows.predict(training)[59] == pytest.approx(np.median(targets), abs=0.5 * targets.std())
    assert knows.predict(ArchBatch([cut], {}, {"nodes:a": high}))[0] == knows.predict(training)[59]


@pytest.mark.parametrize("loss", ["bpr", "diffkendall", "hinge", "listmle", "mse", "relation"])
def test_every_loss_teaches_an_order(loss):
    batch, targets = hidden_sum(200, seed=1)
    settings = {
        "encodings": "",
        "members": 1,
        "hidden": 16,
        "segment": 2,
        "min_steps": 80,
        "epochs": 1,
        "bayesian": False,
    }
    model = ParZC(loss=loss, **settings).fit(batch[:150], targets[:150])
    assert model.score(batch[150:], targets[150:]) > 0.4


def test_architectures_longer_and_shorter_than_those_learned_from():
    batch, targets = hidden_sum(60, seed=0)
    lengths = np.diff(batch.nodes["nodes:a"].offsets)
    short = np.flatnonzero(lengths < 8)
    model = ParZC(encodings="", **SMALL).fit(batch[short], targets[short])
    assert model.scale_.places_ == 7
    assert np.isfinite(model.predict(batch)).all()


def test_deviations_are_of_draws_and_members():
    batch, targets = hidden_sum(60, seed=0)
    model = ParZC(encodings="", **{**SMALL, "members": 1}).fit(batch, targets)
    deviations = model.predict_std(batch)
    assert np.array_equal(model.predict_std(batch), deviations)
    assert model.predict_std(batch[7:9]) == pytest.approx(deviations[7:9], rel=1e-3)
    assert deviations.min() > 1e-4 * targets.std()
    plain = ParZC(encodings="", bayesian=False, **{**SMALL, "members": 1}).fit(batch, targets)
    assert plain.predict_std(batch).max() < 1e-6 * targets.std()  # one member, and nothing to draw


def test_what_joins_the_nodes_is_chosen():
    batch, targets = example_batch(60)
    batch = with_nodes(batch)
    widths = {
        (totals, encoding): ParZC(totals=totals, encodings=encoding, **SMALL).fit(batch, targets).tokens_.widths_
        for totals in (True, False)
        for encoding in ("", "columns", "onehot+columns")
    }
    assert [len(widths[True, encoding]) for encoding in ("", "columns", "onehot+columns")] == [1, 2, 3]
    assert [len(widths[False, encoding]) for encoding in ("", "columns", "onehot+columns")] == [0, 1, 2]
    assert widths[True, "columns"] == (2, 2)  # two proxies, two columns


def test_a_large_training_part_is_read_batch_by_batch(monkeypatch):
    batch, targets = hidden_sum(60, seed=0)
    whole = ParZC(encodings="", **SMALL).fit(batch, targets)
    monkeypatch.setattr("predictors.parzc.model._KEPT", 200)
    parts = ParZC(encodings="", **SMALL).fit(batch, targets)
    assert parts.predict(batch) == pytest.approx(whole.predict(batch), rel=1e-5)


def test_it_reads_a_memory_map_a_few_rows_at_a_time(monkeypatch, tmp_path):
    class Watched(np.memmap):
        taken = []

        def __getitem__(self, key):
            found = super().__getitem__(key)
            self.taken.append(np.size(found))
            return np.array(found)

    n, places = 400, 10
    values = np.random.default_rng(0).normal(size=n * places)
    values.tofile(tmp_path / "values")
    mapped = Watched(tmp_path / "values", dtype=np.float64, mode="r")
    archs, _ = example_batch(n)
    batch = ArchBatch(archs.archs, {}, {"nodes:a": Ragged(mapped, np.arange(n + 1) * places)})
    monkeypatch.setattr("predictors.parzc.statistics._AT_ONCE", 200)
    monkeypatch.setattr("predictors.parzc.model._KEPT", 800)
    model = ParZC(encodings="", batch_size=20, **SMALL).fit(batch, values.reshape(n, places).sum(axis=1))
    model.predict(batch)
    model.predict_std(batch[:40])
    assert max(Watched.taken) <= 2 * 20 * places  # the rows of one step: what two members draw
    assert sum(Watched.taken) > 3 * n * places


def test_equal_architectures_are_scored_once(monkeypatch):
    batch, targets = hidden_sum(40, seed=0)
    model = ParZC(encodings="", **SMALL).fit(batch, targets)
    scored = []
    monkeypatch.setattr(
        model, "_scores_of", lambda *given, kept=model._scores_of: scored.append(len(given[2])) or kept(*given)
    )
    doubled = batch[[*range(40), *range(39, -1, -1)]]
    assert np.array_equal(model.predict(doubled)[40:], model.predict(doubled)[:40][::-1])
    assert model.predict(doubled)[:40] == pytest.approx(model.predict(batch), rel=1e-5)
    assert scored == [40] * 4


def test_how_many_are_scored_at_once_does_not_matter(monkeypatch):
    batch, targets = hidden_sum(40, seed=0)
    model = ParZC(encodings="", **SMALL).fit(batch, targets)
    whole, deviations = model.predict(batch), model.predict_std(batch)
    monkeypatch.setattr("predictors.parzc.model._BLOCK", 17)
    monkeypatch.setattr("predictors.parzc.model._CHUNK", 5)
    monkeypatch.setattr("predictors.parzc.tokens._AT_ONCE", 3)
    assert model.predict(batch) == pytest.approx(whole, abs=1e-4 * targets.std())
    assert model.predict_std(batch) == pytest.approx(deviations, abs=1e-4 * targets.std())


def test_equal_seeds_give_equal_predictions_and_torch_is_left_as_it_was():
    batch, targets = hidden_sum(40, seed=0)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    one, other, third = (ParZC(encodings="", random_state=seed, **SMALL).fit(batch, targets) for seed in (3, 3, 4))
    one.predict_std(batch)
    assert np.array_equal(one.predict(batch), other.predict(batch))
    assert not np.array_equal(one.predict(batch), third.predict(batch))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_the_paper_is_selectable_whole():
    model = PaperParZC()
    assert (model.mixing, model.bayesian, model.loss, model.divergence) == ("tokens", True, "diffkendall", 1.0)
    assert (model.encodings, model.totals, model.scale, model.members) == ("", False, "minmax", 1)
    assert clone(PaperParZC(hidden=16)).get_params()["hidden"] == 16
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()


def test_wrong_use_is_named():
    batch, targets = hidden_sum(20, seed=0)
    make = partial(ParZC, encodings="", **SMALL)
    with pytest.raises(NotFitted, match="ParZC is not fitted; call fit"):
        make().predict(batch)
    with pytest.raises(NotFitted, match="FreeParZC is not fitted; call fit"):
        FreeParZC().predict(batch)
    with pytest.raises(ValueError, match="at least 2 architectures"):
        make().fit(batch[:1], targets[:1])
    with pytest.raises(UnknownName, match="Did you mean 'rank'"):
        make(target="ranks").fit(batch, targets)
    with pytest.raises(UnknownName, match="Did you mean 'mse'"):
        make(loss="mae").fit(batch, targets)
    with pytest.raises(NoNodeStatistics, match=r"no node arrays \(nodes:snip"):
        make().fit(list(batch.archs), targets)
    with pytest.raises(NoNodeStatistics, match="supply=FUNCTION"):
        make().fit(batch, targets).predict(list(batch.archs))
    nodes_only = make(totals=False).fit(batch, targets)
    with pytest.raises(NoNodeStatistics, match="supply=FUNCTION"):
        nodes_only.predict(list(batch.archs))
    with pytest.raises(UnknownName, match="nodes:a"):
        nodes_only.predict(ArchBatch(batch.archs, {}, {"nodes:b": batch.nodes["nodes:a"]}))
