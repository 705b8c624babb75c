"""What searchers in batches share, on the 64 architectures by hand: what is asked when, and what is near the best."""

from __future__ import annotations

import numpy as np
import pytest

from proxybench.search import Query, run
from proxybench.search.parts.batches import NEAR, BatchSearch, best_last


class Downwards(BatchSearch):
    """The three unseen candidates of the highest numbers, batch by batch."""

    def _choose(self) -> list[int]:
        places = np.flatnonzero(self._unseen())
        return best_last(places, places.astype(float), 3)


@pytest.fixture
def search(make_problem):
    def make(*first: int, problem=None) -> Downwards:
        return Downwards(problem or make_problem(), np.random.default_rng(0), list(first))

    return make


def test_a_batch_is_asked_from_its_end_and_then_the_next_is_chosen(make_problem) -> None:
    problem = make_problem()
    history = run(Downwards(problem, np.random.default_rng(0), [5, 62]), problem, 9)
    assert history.candidates.tolist() == [62, 5, 63, 61, 60, 59, 58, 57, 56]


def test_it_ends_when_everything_was_asked(make_problem) -> None:
    problem = make_problem()
    history = run(Downwards(problem, np.random.default_rng(0), []), problem, 100)
    assert history.candidates.tolist() == list(range(63, -1, -1))
    assert history.ended == "exhausted"


def test_answers_are_in_the_order_in_which_they_arrived(search) -> None:
    searcher = search()
    for candidate, worth in ((9, 1.5), (3, -2.0)):
        searcher.tell(Query(candidate), worth)
    rows, values = searcher._answers()
    assert (rows.tolist(), values.tolist()) == ([9, 3], [1.5, -2.0])


def test_neighbours_of_the_best_come_first_and_as_often_as_they_are_neighbours(search, make_problem) -> None:
    # Candidates next to one another differ in one binary digit: 0 and 3 share 1 and 2, of which 2 is known.
    problem = make_problem()
    searcher = search(problem=problem)
    for candidate, worth in ((3, 1.0), (0, 2.0), (2, 0.0)):
        searcher.tell(Query(candidate), worth)
    near = searcher._near_the_best(searcher._unseen())
    assert sorted(near[:5]) == [1, 4, 8, 16, 32]
    assert sorted(near[5:10]) == [1, 7, 11, 19, 35]
    assert sorted(near[10:]) == [6, 10, 18, 34]
    assert near[:5] == [other for other in problem.neighbours(0) if other != 2]


def test_only_the_five_best_have_neighbours_that_count(search) -> None:
    # Far apart from 0: 63 is the sixth best, and 62 is next to none of the others.
    searcher = search()
    for worth, candidate in enumerate((63, 0, 1, 2, 4, 8)):
        searcher.tell(Query(candidate), float(worth))
    assert NEAR == 5
    assert 62 not in searcher._near_the_best(searcher._unseen())
    searcher.tell(Query(63), 9.0)
    assert 62 in searcher._near_the_best(searcher._unseen())


def test_of_equals_the_first_is_the_better() -> None:
    assert best_last(np.array([7, 3, 9, 1]), np.array([1.0, 2.0, 2.0, 0.0]), 3) == [7, 9, 3]
    assert best_last(np.array([7, 3]), np.array([1.0, 2.0]), 5) == [7, 3]
