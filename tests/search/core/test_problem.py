"""A problem by hand: what it answers, what that costs, and who is next to whom."""

from __future__ import annotations

import numpy as np
import pytest

from proxybench.search import Problem, Query
from proxybench.search.core.problem import InvalidProblem


def test_neighbours_differ_in_one_place(make_problem) -> None:
    assert make_problem().neighbours(0) == (32, 16, 8, 4, 2, 1)
    assert make_problem().neighbours(63) == (31, 47, 55, 59, 61, 62)


def test_neighbours_outside_the_population_are_left_out(make_problem) -> None:
    whole = make_problem()
    part = type(whole)(whole.space, whole.archs[:3], {9: np.zeros(3)})
    assert part.neighbours(0) == (2, 1)
    assert part.neighbours(1) == (0,)


def test_architectures_of_one_key_are_no_neighbours(make_problem) -> None:
    whole = make_problem()
    # By the number of places that are on, 0 and 1 and 3 are three candidates; 1's neighbours with none on are one.
    part = type(whole)(
        whole.space, [whole.archs[i] for i in (0, 1, 3)], {9: np.zeros(3)}, key=lambda arch: str(arch.ops.count("on"))
    )
    assert part.neighbours(1) == (2, 0)


def test_a_query_answers_at_its_epochs_and_costs_their_share(make_problem) -> None:
    problem = make_problem(answers={3: np.arange(64.0), 9: np.arange(64.0) + 100}, seconds={9: np.full(64, 7.0)})
    assert problem.answer(Query(5)) == problem.answer(Query(5, 9)) == 105
    assert problem.answer(Query(5, 3)) == 5
    assert (problem.cost(Query(5)), problem.cost(Query(5, 3))) == (1, pytest.approx(1 / 3))
    assert (problem.training_seconds(Query(5)), problem.training_seconds(Query(5, 3))) == (7, None)


@pytest.mark.parametrize("query", [Query(64), Query(-1), Query(0, 4)])
def test_a_query_outside_the_problem_is_refused(make_problem, query: Query) -> None:
    with pytest.raises(InvalidProblem, match="cannot answer"):
        make_problem().answer(query)


def test_problems_that_cannot_be_posed_are_refused(make_problem) -> None:
    with pytest.raises(InvalidProblem, match="not finite"):
        make_problem(np.where(np.arange(64) == 3, np.nan, 1.0))
    with pytest.raises(InvalidProblem, match="one value for each of 64"):
        make_problem(columns={"proxy:short": np.zeros(63)})
    whole = make_problem()
    with pytest.raises(InvalidProblem, match="no architecture"):
        type(whole)(whole.space, [], {9: np.zeros(0)})
    with pytest.raises(InvalidProblem, match="1 candidates are duplicates"):
        type(whole)(whole.space, [whole.archs[0]] * 2, {9: np.zeros(2)}).neighbours(0)


def test_what_searches_share_is_computed_once_for_each_argument(make_problem) -> None:
    problem, calls = make_problem(), []

    def count(given: Problem, word: str) -> int:
        calls.append(word)
        return len(given) + len(word)

    assert [problem.cached(count, word) for word in ("a", "bc", "a")] == [65, 66, 65]
    assert calls == ["a", "bc"]
