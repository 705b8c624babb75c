"""Candidates as rows that all searches on a problem share."""

from __future__ import annotations

import numpy as np

from predictors import make
from proxybench.search import make_searcher, run
from proxybench.search.parts.encoded import PopulationRows, population_rows


def test_rows_are_those_that_the_predictor_would_make_of_the_whole_population(make_problem) -> None:
    problem = make_problem()
    predictor = make("ridge")
    whole = predictor.unfitted_rows().fit(problem.batch).transform(problem.batch)
    asked = np.array([5, 63, 0, 5])
    assert np.array_equal(population_rows(problem, predictor).of(asked), whole[asked])


def test_named_encodings_are_shared_and_others_are_not(make_problem) -> None:
    problem = make_problem()
    assert population_rows(problem, make("ridge")) is population_rows(problem, make("gbdt"))
    assert population_rows(problem, make("ridge", columns=False)) is not population_rows(problem, make("ridge"))
    listed = make("ridge", encodings=["onehot"])
    assert population_rows(problem, listed) is not population_rows(problem, listed)


def test_candidates_beyond_the_first_are_encoded_when_they_are_requested(make_problem, monkeypatch) -> None:
    monkeypatch.setattr("proxybench.search.parts.encoded._FITTED_ON", 32)
    problem = make_problem()
    rows = PopulationRows(problem, make("ridge", encodings="onehot").unfitted_rows())
    asked = np.arange(64)
    assert np.array_equal(rows.of(asked), rows.rows.transform(problem.batch))


def test_a_predictor_that_is_not_tabular_reads_the_graphs(make_problem) -> None:
    class Number:
        """Knows what a candidate is worth: its binary digits."""

        def fit(self, X: object, y: object) -> Number:
            return self

        def predict(self, X) -> np.ndarray:  # type: ignore[no-untyped-def]
            return np.array([float(int("".join("1" if op == "on" else "0" for op in arch.ops), 2)) for arch in X])

        def get_params(self, deep: bool = True) -> dict[str, object]:
            return {}

    problem = make_problem()
    searcher = make_searcher(
        "guided", problem, np.random.default_rng(0), 4, predictor=Number(), acquisition="greedy", start=3
    )
    assert run(searcher, problem, 4).best == 63
