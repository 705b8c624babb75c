"""Tree search on 64 architectures of six places that are off or on: what it visits, and UCB1 by hand."""

from __future__ import annotations

import numpy as np
import pytest

from proxybench.search import make_searcher, run


def searcher_of(problem, seed: int = 0, **options):
    return make_searcher("mcts", problem, np.random.default_rng(seed), len(problem), **options)


def answered(searcher, problem, count: int) -> list[int]:
    """The candidates of `count` queries, each answered."""
    asked = []
    for _ in range(count):
        query = searcher.ask()
        asked.append(query.candidate)
        searcher.tell(query, float(problem.values[query.candidate]))
    return asked


def prefixes(searcher) -> list:
    """All prefixes of the tree."""
    found = [searcher._root]
    for prefix in found:
        found += prefix.children
    return found


def test_every_candidate_is_queried_once_and_then_nothing(make_problem) -> None:
    problem = make_problem()
    searcher = searcher_of(problem)
    assert sorted(answered(searcher, problem, 64)) == list(range(64))
    assert searcher.ask() is None


@pytest.mark.parametrize("seed", range(5))
def test_the_visits_of_a_prefix_are_the_answers_of_its_candidates(make_problem, seed: int) -> None:
    problem = make_problem()
    searcher = searcher_of(problem, seed)
    asked = answered(searcher, problem, 40)
    for prefix in prefixes(searcher):
        inside = set(searcher._order[prefix.low : prefix.high].tolist())
        assert prefix.visits == len(inside & set(asked))
        if prefix.children:
            assert sum(child.visits for child in prefix.children) == prefix.visits
            assert sum(child.total for child in prefix.children) == pytest.approx(prefix.total)


@pytest.mark.parametrize("seed", range(5))
def test_an_unvisited_prefix_comes_first_then_the_better_one(make_problem, seed: int) -> None:
    # The first place is on in candidates from 32. A candidate is worth its number.
    problem = make_problem()
    asked = answered(searcher_of(problem, seed), problem, 4)
    assert (asked[0] >= 32) != (asked[1] >= 32)
    assert asked[2] >= 32
    # In that half the second place is on in candidates from 48: again the half without a visit.
    assert (asked[2] >= 48) != (max(asked[:2]) >= 48)


@pytest.mark.parametrize(("exploration", "half"), [(1.1, "on"), (1.2, "off")])
def test_ucb1_by_hand(make_problem, exploration: float, half: str) -> None:
    # After three answers, one with the first place off and two with it on, the rewards are 1/6, 3/6 and 5/6: UCB1 is
    # 1/6 + c sqrt(2 ln 3) and 4/6 + c sqrt(2 ln 3 / 2), which are equal for c = 0.5 / (1.4823 - 1.0481) = 1.152.
    problem = make_problem()
    searcher = searcher_of(problem, exploration=exploration)
    asked = answered(searcher, problem, 3)
    assert sum(candidate >= 32 for candidate in asked) == 2
    assert (searcher.ask().candidate >= 32) == (half == "on")


def test_only_the_order_of_answers_matters(make_problem) -> None:
    # A failed training, worth -10^9 in one of them, leaves the rewards of the others apart.
    worth = np.arange(64.0)
    histories = [
        run(searcher_of(problem), problem, 50).candidates.tolist()
        for problem in (make_problem(worth), make_problem(np.where(worth == 0, -1e9, worth)), make_problem(worth**3))
    ]
    assert histories[0] == histories[1] == histories[2]


def test_tree_search_prefers_the_better_half(make_problem, bits) -> None:
    # Only the first place matters; half of random queries would have it on.
    problem = make_problem(bits[:, 0])
    history = run(searcher_of(problem), problem, 32)
    assert bits[history.candidates, 0].sum() > 24


def test_choices_that_all_candidates_share_are_no_step(make_problem) -> None:
    whole = make_problem()
    problem = type(whole)(whole.space, whole.archs[32:], {9: np.arange(32.0)})  # the first place is on in all
    searcher = searcher_of(problem)
    answered(searcher, problem, 2)
    assert [child.size for child in searcher._root.children] == [16, 16]
