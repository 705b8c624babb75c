"""The accounts of a run: distinct queries, costs, seconds, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from proxybench.search import Query, run
from proxybench.search.core.problem import InvalidProblem


class Listed:
    """Asks what a list says."""

    def __init__(self, queries: Sequence[Query | int]) -> None:
        self.left = [query if isinstance(query, Query) else Query(query) for query in queries]
        self.told: list[tuple[Query, float]] = []

    def ask(self) -> Query | None:
        return self.left.pop(0) if self.left else None

    def tell(self, query: Query, value: float) -> None:
        self.told.append((query, value))


def test_a_repeated_query_is_answered_for_nothing(make_problem) -> None:
    searcher = Listed([5, 5, 7, 5, 7, 6, 8])
    history = run(searcher, make_problem(), budget=3)
    assert history.candidates.tolist() == [5, 7, 6]
    assert history.cost.tolist() == [1, 2, 3]
    assert history.queries == 3
    assert [value for _, value in searcher.told] == [5, 5, 7, 5, 7, 6]
    assert history.ended == "budget"


def test_full_epochs_and_no_epochs_are_one_query(make_problem) -> None:
    assert run(Listed([Query(5), Query(5, 9)]), make_problem(), budget=9).queries == 1


def test_shorter_trainings_cost_their_share_and_count_one_architecture(make_problem) -> None:
    problem = make_problem(
        answers={3: np.arange(64.0), 9: np.arange(64.0)}, seconds={3: np.full(64, 2.0), 9: np.full(64, 5.0)}
    )
    history = run(Listed([Query(1, 3), Query(2, 3), Query(2, 9), Query(3, 9), Query(4, 3)]), problem, budget=2)
    assert history.epochs.tolist() == [3, 3, 9]
    assert history.cost == pytest.approx([1 / 3, 2 / 3, 5 / 3])
    assert history.seconds.tolist() == [2, 4, 9]
    assert history.queries == 2


def test_seconds_are_unknown_where_the_table_lacks_one(make_problem) -> None:
    problem = make_problem(answers={3: np.zeros(64), 9: np.zeros(64)}, seconds={9: np.full(64, 5.0)})
    assert run(Listed([Query(1, 3), Query(1, 9)]), problem, budget=5).seconds is None


def test_the_incumbent_is_the_longest_training_then_the_largest_value_then_the_earliest(make_problem) -> None:
    problem = make_problem(answers={3: np.arange(64.0) + 50, 9: np.repeat(np.arange(32.0), 2)})
    history = run(Listed([Query(9, 3), Query(2), Query(4), Query(5), Query(1), Query(60, 3)]), problem, budget=9)
    assert history.incumbents.tolist() == [0, 1, 2, 2, 2, 2]
    assert history.best == 4


def test_a_run_ends_when_there_is_nothing_left_to_ask(make_problem) -> None:
    assert run(Listed([1, 2]), make_problem(), budget=9).ended == "exhausted"


def test_a_searcher_that_only_repeats_itself_is_stopped(make_problem) -> None:
    class Stuck(Listed):
        def ask(self) -> Query:
            return Query(1)

    history = run(Stuck([]), make_problem(), budget=9)
    assert (history.ended, history.queries) == ("stalled", 1)


def test_nothing_is_asked_once_the_budget_is_spent(make_problem) -> None:
    searcher = Listed([1, 2, 3])
    assert run(searcher, make_problem(), budget=2).candidates.tolist() == [1, 2]
    assert searcher.ask() == Query(3)


def test_a_query_outside_the_problem_ends_the_run_with_its_name(make_problem) -> None:
    with pytest.raises(InvalidProblem, match="candidate=64"):
        run(Listed([64]), make_problem(), budget=9)


def test_a_run_that_paid_for_nothing_has_no_best(make_problem) -> None:
    with pytest.raises(InvalidProblem, match="made no query"):
        _ = run(Listed([]), make_problem(), budget=9).best


def test_each_paid_query_is_reported(make_problem) -> None:
    seen: list[tuple[int, float]] = []
    run(Listed([3, 3, 4]), make_problem(), 9, on_query=lambda query, value: seen.append((query.candidate, value)))
    assert seen == [(3, 3.0), (4, 4.0)]
