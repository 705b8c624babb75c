"""`pb.evaluate` on the tables that come with the project."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import proxybench as pb
from predictors import PREDICTORS, make
from predictors.errors import UnknownName
from proxybench.evaluation.entrants import InvalidMethod, find_entrant
from proxybench.evaluation.objects import methods_as_text
from proxybench.records import comparable

RANK, LEARN = "trained-nasbench201-test", "trained-nasbench201-predict"


def three_by_three(batch: Any) -> list[float]:
    return [sum(op == "nor_conv_3x3" for op in arch.ops) for arch in batch]


class Nearest:
    """Predicts the target of the architecture that shares the most operations."""

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Nearest:
        self.known_, self.y_ = [arch.ops for arch in X], np.asarray(y)
        return self

    def predict(self, X: Any) -> Any:
        def shared(one: Any) -> list[int]:
            return [sum(a == b for a, b in zip(one, other, strict=False)) for other in self.known_]

        return np.array([self.y_[np.argmax(shared(arch.ops))] for arch in X])


class Farthest(Nearest):
    """Predicts the target of the architecture that shares the most operations, with its sign changed."""

    def predict(self, X: Any) -> Any:
        return -super().predict(X)


@pytest.fixture(scope="module")
def results() -> pb.Results:
    offset = 10

    def closure(batch: Any) -> list[float]:
        return [offset - score for score in three_by_three(batch)]

    methods = [
        "synflow",
        three_by_three,
        closure,
        Nearest,
        Farthest(random_state=3),
        make("ridge", encodings="columns"),
    ]
    return pb.evaluate(methods, tasks=[RANK, LEARN], sizes=[50], jobs=2, progress=False)


def test_names_functions_classes_and_objects_are_evaluated_together(results: pb.Results) -> None:
    found = results.frame().query("task == @RANK").set_index("method")
    assert set(found.index) == {
        "synflow@proxybench", "three_by_three", "closure", "params", "flops", "random",
    }  # fmt: skip
    learned = results.frame().query("task == @LEARN").set_index("method")
    assert {"Nearest", "Farthest", "ridge(encodings=columns)"} < set(learned.index)
    assert learned.loc["Farthest", "kendall"] == -learned.loc["Nearest", "kendall"]
    assert set(learned["outcome"]) == {"ok"}


def test_a_function_gets_the_figures_that_its_scores_give(results: pb.Results) -> None:
    bench = pb.load("trained-nasbench201")
    target = bench.values("test_acc", dataset="cifar10", epochs=3)
    by_hand = pb.rank_metrics(target, three_by_three(bench.batch("none")))
    found = results.frame().query("task == @RANK").set_index("method")
    assert found.loc["three_by_three", "kendall"] == pytest.approx(by_hand["kendall"], abs=1e-12)
    assert found.loc["closure", "kendall"] == pytest.approx(-by_hand["kendall"], abs=1e-12)


def test_an_object_is_its_class_with_its_parameters(results: pb.Results) -> None:
    named = pb.evaluate("ridge(encodings=columns)", tasks=[LEARN], sizes=[50], jobs=1, progress=False)
    (one,) = [record for record in named.records if record.kind == "predictor"]
    (other,) = [record for record in results.records if record.method == "ridge"]
    assert comparable(one) == comparable(other)


def test_what_a_folder_records_is_not_run_again(tmp_path) -> None:
    first = pb.evaluate("synflow", tasks=[RANK], folder=tmp_path, jobs=1, progress=False)
    again = pb.evaluate("synflow", tasks=[RANK], folder=tmp_path, jobs=1, progress=False)
    assert first.summary is not None
    assert again.summary is not None
    assert (first.summary.recorded, again.summary.recorded, again.summary.skipped) == (4, 0, 4)
    assert again.records == first.records == pb.Results.load(tmp_path).records


def test_a_task_without_its_table_is_left_out_with_the_reason(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PROXYBENCH_CACHE", str(tmp_path))
    found = pb.evaluate("synflow", tasks=[RANK, "nasbench201-cifar10-test"], jobs=1, progress=False)
    assert "proxybench fetch nasbench201" in found.absent["nasbench201-cifar10-test"]
    assert {record.task.name for record in found.records} == {RANK}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"methods": "synflo"}, "Did you mean 'synflow"),
        ({"tasks": ["trained-nasbench201-tst"]}, "Did you mean 'trained-nasbench201-test'"),
        ({"suite": "quik"}, "Did you mean 'quick'"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        pb.evaluate(
            **{"methods": "synflow", "tasks": [RANK], "progress": False, **asked}
            | ({"tasks": []} if "suite" in asked else {})
        )


def test_two_methods_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidMethod, match="are both ranked as 'Nearest'; rename one"):
        pb.evaluate([Nearest, Nearest(random_state=3)], tasks=[LEARN], sizes=[50], progress=False)


def test_what_is_no_method_is_refused() -> None:
    with pytest.raises(InvalidMethod, match="3 is not a method"):
        pb.evaluate(["synflow", 3], tasks=[RANK], progress=False)


def test_objects_that_text_cannot_say_are_pickled() -> None:
    ridge = make("ridge", encodings="columns", random_state=7)
    with methods_as_text(["gbdt", ridge, PREDICTORS["gp"], lambda batch: [0.0] * len(batch), np.linalg.det]) as texts:
        assert texts[:3] == ["gbdt", "ridge(encodings=columns)", "gp"]
        entrant = find_entrant(texts[3])
        assert (entrant.name, entrant.kind) == ("scorer", "training-free")
        assert entrant.code
        assert texts[4] == "numpy.linalg:det"
