"""The contract of predictors, on those of this package and on classes that break it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import StackingRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score

from predictors import ArchBatch, ArchGraph, available, check_predictor, make
from predictors.base import Parameters, Predictor, Tags
from predictors.checks import ContractBroken, example_batch
from predictors.errors import NotFitted, UnknownName

FEW = {
    "auto": {"members": ["ridge", "knn"], "folds": 3},
    "ensemble": {"members": ["ridge", "knn"]},
    "extra_trees": {"trees": 20},
    "gbdt": {"rounds": 30},
    "mlp": {"members": 1, "epochs": 20},
    "random_forest": {"trees": 20},
}
"""Arguments that make a predictor small enough for a test."""
HERE = ["auto", "ensemble", "extra_trees", "gbdt", "gp", "knn", "mlp", "random_forest", "ridge"]
"""Those of `predictors.tabular` and what combines them; others have tests of their own."""


@pytest.mark.parametrize("name", HERE)
def test_every_predictor_keeps_the_contract(name: str) -> None:
    assert name in available()
    check_predictor(lambda: make(name, **FEW.get(name, {})))
    assert isinstance(make(name), Predictor)


@pytest.mark.parametrize("name", HERE)
def test_every_predictor_ranks_held_out_architectures(name: str) -> None:
    batch, targets = example_batch(300, seed=1)
    model = make(name, random_state=0, **FEW.get(name, {})).fit(batch[:200], targets[:200])
    assert model.score(batch[200:], targets[200:]) > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["auto", "ensemble"])
def test_the_combinations_as_they_come_rank_held_out_architectures(name: str) -> None:
    batch, targets = example_batch(300, seed=1)
    model = make(name).fit(batch[:200], targets[:200])
    assert model.score(batch[200:], targets[200:]) > 0.85


def test_architectures_may_be_text_where_a_space_is_given() -> None:
    batch, targets = example_batch(60)
    graphs = {"/".join(arch.ops): arch for arch in batch}
    texts = ["/".join(arch.ops) for arch in batch]

    class Space:
        def parse(self, text: str) -> ArchGraph:
            return graphs[text]

    for space in (Space(), graphs.__getitem__):
        model = make("ridge", space=space).fit(texts, targets)
        assert np.array_equal(model.predict(texts), model.predict(list(batch.archs)))
        assert cross_val_score(model, np.array(texts), targets, cv=3).shape == (3,)
    with pytest.raises(TypeError, match="is text; construct the predictor with its search space"):
        make("ridge").fit(texts, targets)
    with pytest.raises(TypeError, match="it contains int"):
        make("ridge").fit([1, 2], [0.0, 1.0])


@pytest.mark.parametrize("name", available())
def test_every_predictor_takes_a_random_state(name: str) -> None:
    assert make(name, random_state=3).get_params()["random_state"] == 3


def test_it_stacks_in_scikit_learn() -> None:
    batch, targets = example_batch(60)
    stack = StackingRegressor([("a", make("ridge")), ("b", make("knn"))], cv=3)
    assert stack.fit(batch, targets).predict(batch).shape == (60,)


def test_columns_are_used_by_default() -> None:
    batch, targets = example_batch(300, seed=1)
    tau = {
        columns: make("ridge", columns=columns).fit(batch[:200], targets[:200]).score(batch[200:], targets[200:])
        for columns in (True, False)
    }
    assert tau[True] > tau[False] + 0.1


def test_scikit_learn_tools_work() -> None:
    batch, targets = example_batch(90)
    model = make("gbdt", rounds=20)
    assert clone(model).get_params() == model.get_params()
    scores = cross_val_score(model, batch, targets, cv=3)
    assert scores.shape == (3,)
    search = GridSearchCV(make("ridge"), {"columns": [True, False]}, cv=3).fit(batch, targets)
    assert search.best_params_ == {"columns": True}


def test_a_new_operation_in_the_test_part_is_no_error() -> None:
    batch, targets = example_batch(60)
    few = [arch for arch in batch if "pool" not in arch.ops]
    model = make("gbdt", rounds=10).fit(few, targets[: len(few)])
    assert np.isfinite(model.predict(batch)).all()


def test_an_unknown_predictor_or_parameter_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'gbdt'"):
        make("gbdtt")
    with pytest.raises(UnknownName, match="Did you mean 'random_state'"):
        make("gbdt").set_params(random_sate=1)


def test_columns_of_the_training_part_must_be_there() -> None:
    batch, targets = example_batch(40)
    model = make("ridge").fit(batch, targets)
    with pytest.raises(UnknownName, match="cost:params"):
        model.predict(ArchBatch(batch.archs))


class Constant(Parameters):
    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


class ForgetsSelf(Constant):
    def fit(self, X, y):
        super().fit(X, y)


class Noisy(Constant):
    def predict(self, X):
        return np.random.default_rng().normal(size=len(X))


class NoSpread(Constant):
    tags = Tags(has_std=True)

    def predict_std(self, X):
        return np.zeros(len(X))


class OtherUnits(Constant):
    def predict(self, X):
        return np.zeros(len(X))


class WrongShape(Constant):
    def predict(self, X):
        return np.zeros((len(X), 1))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (ForgetsSelf, "does not return self"),
        (Noisy, "different predictions"),
        (WrongShape, "shape"),
        (OtherUnits, "not in the units of the targets"),
        (NoSpread, "not positive"),
        (Constant, "accepts fewer targets"),
    ],
)
def test_a_broken_contract_is_named(broken: type, message: str) -> None:
    with pytest.raises(ContractBroken, match=message):
        check_predictor(broken)


def test_predictions_before_fit_and_of_nothing() -> None:
    batch, targets = example_batch(40)
    with pytest.raises(NotFitted, match="GBDT is not fitted; call fit"):
        make("gbdt").predict(batch)
    assert make("gbdt", rounds=5).fit(batch, targets).predict(batch[:0]).shape == (0,)


@pytest.mark.parametrize("name", ["gbdt", "gp", "ridge", "knn", "random_forest", "mlp", "ensemble"])
def test_predictions_in_parts_are_those_of_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, targets = example_batch(60)
    model = make(name).fit(batch[:40], targets[:40])
    whole, spread = model.predict(batch), getattr(model, "predict_std", lambda given: np.zeros(len(given)))(batch)
    seen: list[int] = []
    scored = type(model)._beliefs
    monkeypatch.setattr(type(model), "at_once", 7)
    monkeypatch.setattr(type(model), "_beliefs", lambda self, part: seen.append(len(part)) or scored(self, part))
    np.testing.assert_allclose(model.predict(batch), whole, rtol=1e-5)  # sums of products in another order
    if model.tags.has_std:
        np.testing.assert_allclose(model.predict_std(batch), spread, rtol=1e-5)
        assert seen == [*[7] * 8, 4]
