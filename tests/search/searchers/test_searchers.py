"""Laws that every searcher keeps, and what each does on 64 architectures by hand."""

from __future__ import annotations

import random

import numpy as np
import pytest

from predictors.base import Parameters
from proxybench.errors import UnknownName
from proxybench.search import SEARCHERS, Query, make_searcher, run
from proxybench.search.core.base import is_deterministic
from proxybench.search.core.problem import InvalidProblem
from proxybench.search.searchers.guided import ModelGuided

OPTIONS = {
    "guided": {"predictor": "ridge", "ensemble": 2, "every": 4},
    "bananas": {"predictor": "ridge", "ensemble": 2},
    "robot-paper": {"explore": 6},
    "gp": {"every": 4},
    "diffusion": {"predictor": "ridge", "ensemble": 2, "every": 6, "learn": 20, "samples": 16, "times": 4, "steps": 5},
}


def searched(name: str, problem, seed: int, budget: int = 12):
    searcher = make_searcher(name, problem, np.random.default_rng(seed), budget, **OPTIONS.get(name, {}))
    return run(searcher, problem, budget)


@pytest.fixture
def problem(make_problem, bits):
    """Worth grows with the places that are on, each by its own amount; there are answers at 1, 3 and 9 epochs."""
    worth = bits @ [3, 1, 4, 1.5, 5, 9]
    return make_problem(answers={1: worth + np.sin(np.arange(64)), 3: worth + 0.1, 9: worth})


@pytest.mark.parametrize("name", sorted(SEARCHERS))
class TestEverySearcher:
    def test_spends_its_budget_on_distinct_queries(self, name: str, problem) -> None:
        history = searched(name, problem, seed=0)
        assert len(set(zip(history.candidates.tolist(), history.epochs.tolist(), strict=True))) == len(history)
        assert 11 < history.cost[-1] <= 12 + 1e-9
        assert history.ended == "budget"

    def test_best_so_far_never_falls(self, name: str, problem) -> None:
        history = searched(name, problem, seed=1)
        best = [(history.epochs[place], history.values[place]) for place in history.incumbents]
        assert best == sorted(best)

    def test_gives_the_same_run_for_a_seed_and_another_for_another(self, name: str, problem) -> None:
        runs = [searched(name, problem, seed).candidates.tolist() for seed in (3, 3, 4)]
        assert runs[0] == runs[1]
        assert (runs[0] == runs[2]) == is_deterministic(SEARCHERS[name])

    def test_leaves_global_random_state_alone(self, name: str, problem) -> None:
        np.random.seed(0)
        before = np.random.get_state()[1].tolist(), random.getstate()
        searched(name, problem, seed=0, budget=6)
        assert (np.random.get_state()[1].tolist(), random.getstate()) == before

    def test_finds_the_optimum_when_it_may_ask_everything(self, name: str, problem) -> None:
        history = searched(name, problem, seed=0, budget=64 if name not in ("asha", "hyperband") else 200)
        assert history.best == 63 or name in ("evolution", "hyperband")
        assert history.queries <= 64


def test_an_unknown_searcher_suggests_the_nearest(make_problem) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'robot'"):
        make_searcher("robott", make_problem(), np.random.default_rng(0), 5)


def test_random_search_asks_everything_once(make_problem) -> None:
    history = searched("random", make_problem(), 0, budget=100)
    assert sorted(history.candidates) == list(range(64))
    assert history.ended == "exhausted"


@pytest.mark.parametrize("start", range(6))
def test_local_search_climbs_a_hill_in_at_most_37_queries(make_problem, bits, start: int) -> None:
    # One hill: from anywhere at most 6 steps up, each after at most 6 queries.
    history = searched("local", make_problem(bits @ [3, 1, 4, 1.5, 5, 9]), start, budget=37)
    assert history.best == 63


def test_local_search_that_compares_all_neighbours_takes_the_steepest_way(make_problem, bits) -> None:
    problem = make_problem(bits @ [1, 2, 4, 8, 16, 32])
    searcher = make_searcher("local", problem, np.random.default_rng(0), 64, first=False)
    history = run(searcher, problem, 64)
    start = history.candidates[0]
    steepest = min(place for place in range(6) if not bits[start][5 - place])
    assert history.candidates[7] in problem.neighbours(start ^ (1 << steepest))


def test_evolution_mutates_the_best_of_its_sample(make_problem) -> None:
    problem = make_problem()
    searcher = make_searcher("evolution", problem, np.random.default_rng(0), 20, population=2, sample=2)
    for candidate, value in ((0, 0.0), (5, 5.0)):
        searcher.ask()
        searcher.tell(Query(candidate), value)
    assert searcher.ask().candidate in problem.neighbours(5)


def test_evolution_lets_the_oldest_die(make_problem) -> None:
    problem = make_problem()
    searcher = make_searcher("evolution", problem, np.random.default_rng(0), 20, population=2, sample=2)
    for candidate, value in ((63, 63.0), (0, 0.0), (1, 1.0)):
        searcher.ask()
        searcher.tell(Query(candidate), value)
    assert searcher.ask().candidate in problem.neighbours(1)


def test_evolution_without_neighbours_draws_at_random(make_problem) -> None:
    whole = make_problem()
    apart = [0, 3, 5, 6, 9, 10, 12, 15]  # an even number of places on: two changes apart
    problem = type(whole)(whole.space, [whole.archs[i] for i in apart], {9: np.arange(8.0)})
    assert searched("evolution", problem, 0, budget=8).queries == 8


def test_a_sample_larger_than_the_population_is_refused(make_problem) -> None:
    with pytest.raises(InvalidProblem, match="sample is 5"):
        make_searcher("evolution", make_problem(), np.random.default_rng(0), 20, population=4, sample=5)


def test_hyperbands_brackets_keep_the_best_third(make_problem) -> None:
    problem = make_problem(answers={epochs: np.arange(64.0) for epochs in (1, 3, 9)})
    searcher = make_searcher("hyperband", problem, np.random.default_rng(0), 99)
    asked = []
    for _ in range(9 + 3 + 1 + 5 + 1 + 3):
        query = searcher.ask()
        asked.append(query)
        searcher.tell(query, float(query.candidate))
    # Bracket 1: 9 for 1 epoch, 3 for 3, 1 for 9; bracket 2: ceil(3/2 x 3) = 5 for 3, 1 for 9; bracket 3: 3 for 9.
    assert [query.epochs for query in asked] == [1] * 9 + [3] * 3 + [9] + [3] * 5 + [9] + [9] * 3
    first = sorted((query.candidate for query in asked[:9]), reverse=True)
    assert [query.candidate for query in asked[9:12]] == first[:3]
    assert asked[12].candidate == first[0]


def test_asha_promotes_the_best_third_as_soon_as_there_are_three(make_problem) -> None:
    problem = make_problem(answers={epochs: np.arange(64.0) for epochs in (1, 3, 9)})
    searcher = make_searcher("asha", problem, np.random.default_rng(0), 99)
    asked = []
    for number in range(13):
        asked.append(searcher.ask())
        searcher.tell(asked[-1], -float(number))  # each worse than the one before
    assert [query.epochs for query in asked] == [1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1, 3, 9]
    assert [asked[place].candidate for place in (3, 7, 11, 12)] == [asked[place].candidate for place in (0, 1, 2, 0)]


def test_epochs_are_needed_to_save_them(make_problem) -> None:
    with pytest.raises(InvalidProblem, match="no epochs to save"):
        make_searcher("hyperband", make_problem(answers={0: np.zeros(64)}), np.random.default_rng(0), 9)


class Oracle(Parameters):
    """Predicts the number that the places write; remembers nothing."""

    def fit(self, X, y):
        self.fitted_ = len(y)
        return self

    def predict(self, X):
        return np.array([int("".join("1" if op == "on" else "0" for op in arch.ops), 2) for arch in X], dtype=float)


def test_an_object_with_fit_and_predict_alone_guides(make_problem) -> None:
    class Plain:
        """No constructor arguments to list, and no base class."""

        def fit(self, X, y):
            self.mean = float(np.mean(y))

        def predict(self, X):
            return np.array([self.mean + arch.ops.count("on") for arch in X])

    problem, plain = make_problem(), Plain()
    searcher = ModelGuided(problem, np.random.default_rng(0), 12, predictor=plain, acquisition="greedy", start=2)
    history = run(searcher, problem, 12)
    assert history.candidates[2] == 63  # all six on
    assert not hasattr(plain, "mean")  # a copy learns


def test_a_perfect_predictor_finds_the_optimum_at_its_first_chance(make_problem) -> None:
    problem = make_problem()
    searcher = ModelGuided(problem, np.random.default_rng(0), 12, predictor=Oracle(), acquisition="greedy", start=2)
    asked = run(searcher, problem, 5).candidates.tolist()
    assert asked[2:] == [one for one in (63, 62, 61, 60, 59) if one not in asked[:2]][:3]


def test_a_warm_start_asks_what_all_metrics_together_rank_first(make_problem) -> None:
    problem = make_problem(columns={"proxy:one": np.arange(64.0), "cost:other": np.r_[np.arange(63.0), 99]})
    searcher = ModelGuided(problem, np.random.default_rng(0), 12, predictor="ridge", start=2, warm=True)
    assert searcher.ask() == Query(63)


def test_a_gaussian_process_beats_random_search_on_a_smooth_problem(make_problem, bits) -> None:
    problem = make_problem(bits @ [3, 1, 4, 1.5, 5, 9], columns={})
    ranks = {
        name: [63 - int(problem.values.argsort().argsort()[searched(name, problem, seed).best]) for seed in range(5)]
        for name in ("gp", "random")
    }
    assert sum(ranks["gp"]) < sum(ranks["random"])


def test_options_out_of_range_are_refused(make_problem) -> None:
    for options in ({"start": 0}, {"pool": 0}, {"every": 0}):
        with pytest.raises(InvalidProblem, match="must be at least 1"):
            make_searcher("gp", make_problem(), np.random.default_rng(0), 9, **options)
    with pytest.raises(UnknownName, match="Did you mean 'ucb'"):
        make_searcher("gp", make_problem(), np.random.default_rng(0), 9, acquisition="ucbb")
