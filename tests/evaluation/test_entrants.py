"""Method names: columns, costs, predictors with arguments, and the user's own objects."""

from __future__ import annotations

from pathlib import Path

import pytest

import predictors
from proxybench.errors import ProxybenchError, UnknownName
from proxybench.evaluation.entrants import InvalidMethod, find_entrant, make_predictor
from proxybench.grammar import Call
from proxybench.proxies import LABELLED, PROXIES
from proxybench.records import params_text, read_records

RUNS = Path(__file__).parents[2] / "leaderboard" / "runs"

OWN = """
from proxybench.evaluation.entrants import entrant

@entrant("edges")
def score(batch):
    return [len(arch.edges) for arch in batch]

class Mean:
    def __init__(self, shift=0.0):
        self.shift = shift
    def fit(self, X, y):
        return self
    def predict(self, X):
        return [self.shift] * len(X)

NUMBER = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_methods.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize(
    ("method", "kind", "learns"),
    [
        ("synflow", "training-free", False),
        ("snip", "training-free with labels", False),
        ("params", "cost", False),
        ("flops", "cost", False),
        ("random", "control", False),
        ("oneshot:few-shot", "one-shot", False),
        ("gbdt", "predictor", True),
    ],
)
def test_what_a_name_stands_for(method: str, kind: str, learns: bool) -> None:
    entrant = find_entrant(method)
    assert (entrant.name, entrant.kind, entrant.learns) == (method, kind, learns)


def test_arguments_of_a_predictor() -> None:
    entrant = find_entrant("gbdt(rounds=20, columns=false)")
    assert entrant.params == {"rounds": 20, "columns": False}
    model = make_predictor(entrant, random_state=3)
    assert (model.rounds, model.columns, model.random_state) == (20, False, 3)


def test_every_recorded_predictor_is_made_and_keeps_its_identity() -> None:
    recorded = {
        (record.method, record.key.params): record
        for record in read_records(sorted(RUNS.glob("*.jsonl")))
        if record.method in predictors.PREDICTORS
    }
    assert ("parzc", '{"encoding":"","totals":false}') in recorded
    for record in recorded.values():
        entrant = find_entrant(str(Call(record.method, record.params)))
        assert params_text(entrant.params) == record.key.params
        make_predictor(entrant, 0)


def test_a_renamed_argument_is_recorded_under_the_name_it_had() -> None:
    now, before = (find_entrant(f'parzc({name}="columns")') for name in ("encodings", "encoding"))
    assert now == before
    assert now.params == {"encoding": "columns"}
    assert make_predictor(now, 0).encodings == "columns"
    assert find_entrant("gbdt(encodings=columns)").params == {"encodings": "columns"}


def test_proxies_that_need_labels_are_known_without_importing_them() -> None:
    pytest.importorskip("torch", reason="the extra proxybench[torch] is not installed")
    assert {name for name, proxy in PROXIES.items() if "labels" in proxy.needs} == LABELLED


def test_a_function_and_a_class_of_the_users_own(own: None) -> None:
    function, learner = find_entrant("own_methods:score"), find_entrant("own_methods:Mean(shift=2.5)")
    assert (function.name, function.kind) == ("edges", "training-free")
    assert (learner.name, learner.kind, learner.params) == ("Mean", "predictor", {"shift": 2.5})
    assert make_predictor(learner, 0).predict([1, 2]) == [2.5, 2.5]


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("own_methods:scor", "AttributeError"),
        ("no_such_module:score", "ModuleNotFoundError"),
        ("own_methods:NUMBER", "is not a scoring function or a predictor class"),
        ("synflow(x=1)", "only predictors take arguments"),
        ("gbdt(rounds)", "expected '=' before"),
        ("gbdt(", "not of the form"),
        ("gbdt[columns=false]", r"is written 'gbdt\(columns=false\)'"),
    ],
)
def test_a_method_that_cannot_be_used_says_why(own: None, method: str, message: str) -> None:
    with pytest.raises(ProxybenchError, match=message):
        find_entrant(method)


def test_an_argument_that_the_predictor_does_not_take() -> None:
    with pytest.raises(InvalidMethod, match=r"'round'.*it takes .*rounds"):
        make_predictor(find_entrant("gbdt(round=20)"), 0)


def test_unknown_predictors_are_columns_to_be_looked_up_later() -> None:
    assert find_entrant("gbdtt").kind == "training-free"
    with pytest.raises(UnknownName, match="Did you mean 'gbdt'"):
        predictors.make("gbdtt")
