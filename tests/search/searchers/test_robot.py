"""RoBoT's two phases and its accounts, on metrics whose rankings are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from proxybench.errors import UnknownName
from proxybench.search import Query, make_searcher, run
from proxybench.search.core.metrics import metric_matrix, metric_names
from proxybench.search.core.problem import InvalidProblem
from proxybench.search.experiments.regret import expected_rank, precision_at, rank_of, regrets, robot_findings
from proxybench.search.parts.fitted_weights import FittedWeights
from proxybench.search.searchers.robot import RoBoT
from proxybench.search.searchers.robot_paper import PaperRoBoT


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def two_metrics(make_problem):
    """The objective is `good`; `bad` is its opposite, so that weights in favour of `good` find the optimum at once."""
    number = np.arange(64.0)
    return make_problem(columns={"proxy:good": number, "proxy:bad": -number})


@pytest.mark.parametrize("make", [RoBoT, PaperRoBoT])
@pytest.mark.parametrize("seed", range(4))
def test_exploration_pays_for_distinct_first_architectures_only(two_metrics, make, seed: int) -> None:
    searcher = make(two_metrics, generator(seed), 10)
    history = run(searcher, two_metrics, 10)
    # Whatever the weights, one of the two ends of the ranking comes first.
    assert searcher.paid == len(set(history.candidates[: searcher.paid].tolist())) <= 2
    assert set(history.candidates[: searcher.paid].tolist()) <= {0, 63}
    assert len(history) == 10
    assert len(searcher.weights) == 9


@pytest.mark.parametrize("budget", [1, 2, 7, 20])
@pytest.mark.parametrize("name", ["robot", "robot-paper"])
def test_t0_is_at_most_t(make_problem, name: str, budget: int) -> None:
    problem = make_problem(columns={f"proxy:{i}": generator(i).random(64) for i in range(8)})
    searcher = make_searcher(name, problem, generator(), budget)
    history = run(searcher, problem, budget)
    assert history.queries == budget
    assert 1 <= (searcher.paid or len(history)) <= budget


@pytest.mark.parametrize("explore", [1, 3, 6])
def test_exploration_stops_at_what_it_may_pay(make_problem, explore: int) -> None:
    problem = make_problem(columns={f"proxy:{i}": generator(i).random(64) for i in range(8)})
    searcher = RoBoT(problem, generator(), 20, explore=explore)
    run(searcher, problem, 20)
    assert searcher.paid == explore


def test_the_published_exploitation_goes_down_the_best_ranking(make_problem) -> None:
    number = np.arange(64.0)
    problem = make_problem(columns={"proxy:only": number})
    searcher = PaperRoBoT(problem, generator(), 8, signs="positive")
    assert run(searcher, problem, 8).candidates.tolist() == [63, 62, 61, 60, 59, 58, 57, 56]
    assert searcher.paid == 1


def test_neighbours_of_the_best_and_the_ranking_take_turns(make_problem) -> None:
    # The metric ranks 63 first; it is worth most, and its neighbours are 31, 47, 55, 59, 61, 62.
    problem = make_problem(columns={"proxy:only": np.arange(64.0)})
    searcher = RoBoT(problem, generator(), 9, proposals="single", refit=False)
    assert run(searcher, problem, 9).candidates.tolist() == [63, 62, 61, 59, 60, 55, 58, 47, 57]
    assert searcher.paid == 1


def test_answers_turn_a_metric_around_that_ranks_the_wrong_way(make_problem) -> None:
    # The metric ranks 0 first, and of its neighbours 1; that 1 is worth more says that the metric is upside down.
    problem = make_problem(columns={"proxy:bad": -np.arange(64.0)})
    asked = {}
    for refit in (True, False):
        searcher = RoBoT(problem, generator(), 4, proposals="single", operations=False, refit=refit)
        asked[refit] = run(searcher, problem, 4).candidates.tolist()
    assert asked == {True: [0, 1, 63, 62], False: [0, 1, 2, 3]}


def test_every_answer_says_something_of_every_metric(make_problem, bits) -> None:
    # Two metrics of three are noise. Told ten random candidates, the fit ranks much as the good one does.
    noise = generator(1).random((2, 64))
    problem = make_problem(columns={"proxy:good": np.arange(64.0), "proxy:one": noise[0], "proxy:two": noise[1]})
    known_rows = generator(2).choice(64, 10, replace=False)
    scores = FittedWeights(problem, None, "rank", "middle", False).scores(known_rows, problem.values[known_rows])
    assert spearmanr(scores, problem.values).statistic > 0.9


def test_operations_are_metrics_of_a_fit_too(make_problem, bits) -> None:
    # Only how many places are on matters, and the metric does not know.
    problem = make_problem(bits.sum(axis=1), columns={"proxy:noise": generator(1).random(64)})
    known_rows = generator(2).choice(64, 10, replace=False)
    fits = {known: FittedWeights(problem, None, "rank", "middle", known) for known in (True, False)}
    rho = {
        known: spearmanr(fit.scores(known_rows, problem.values[known_rows]), problem.values).statistic
        for known, fit in fits.items()
    }
    assert rho[True] > 0.95 > 0.5 > rho[False]


def test_single_metrics_are_tried_first_and_each_once(two_metrics) -> None:
    searcher = RoBoT(two_metrics, generator(), 10, proposals="single")
    run(searcher, two_metrics, 10)
    assert sorted(searcher.weights.tolist()) == [[0, 1], [1, 0]]
    mixed = RoBoT(two_metrics, generator(), 10, proposals="mixed")
    run(mixed, two_metrics, 10)
    assert sorted(mixed.weights[:2].tolist()) == [[0, 1], [1, 0]]
    assert ((mixed.weights >= -1) & (mixed.weights <= 1)).all()


def test_of_weights_that_are_worth_the_same_the_later_are_kept(two_metrics) -> None:
    searcher = RoBoT(two_metrics, generator(), 20, proposals="random")
    run(searcher, two_metrics, 20)
    best = np.flatnonzero(searcher.worth == 63)
    assert len(best) > 1
    assert searcher.best_weights.tolist() == searcher.weights[best[-1]].tolist()


def test_bayesian_optimisation_goes_where_the_worth_is(make_problem, bits) -> None:
    # The optimum is first only where `good` outweighs `noise`; from some weights on, few proposals are elsewhere.
    problem = make_problem(
        columns={"proxy:good": np.arange(64.0), "proxy:noise": -bits[:, 0], "proxy:other": bits[:, 5]}
    )
    searchers = {how: RoBoT(problem, generator(1), 24, proposals=how, explore=24) for how in ("bo", "random")}
    found = {}
    for how, searcher in searchers.items():
        run(searcher, problem, 24)
        found[how] = (searcher.worth[8:] == 63).mean()
    assert found["bo"] > found["random"]


def test_equal_scores_are_in_index_order(make_problem) -> None:
    problem = make_problem(columns={"proxy:flat": np.r_[np.zeros(32), np.ones(32)]})
    searcher = PaperRoBoT(problem, generator(), 4, signs="positive")
    assert run(searcher, problem, 4).candidates.tolist() == [32, 33, 34, 35]


def test_a_missing_value_is_a_left_out_term_or_the_middle(make_problem) -> None:
    column = np.r_[np.nan, np.arange(1.0, 64.0)]
    problem = make_problem(columns={"proxy:one": column})
    assert metric_matrix(problem, None, "minmax", "skip")[0, 0] == 0
    assert metric_matrix(problem, None, "minmax", "middle")[0, 0] == pytest.approx(0.5)


def test_metrics_are_all_that_are_there_for_half_and_differ(make_problem) -> None:
    sparse = np.where(np.arange(64) < 31, 1.0 * np.arange(64), np.nan)
    problem = make_problem(
        columns={
            "proxy:a": np.arange(64.0),
            "proxy:sparse": sparse,
            "proxy:same": np.ones(64),
            "cost:params": -np.arange(64.0),
        }
    )
    assert metric_names(problem) == ["proxy:a", "cost:params"]
    assert metric_names(problem, ["sparse", "params"]) == ["proxy:sparse", "cost:params"]
    with pytest.raises(UnknownName, match="Did you mean 'sparse'"):
        metric_names(problem, ["spars"])
    with pytest.raises(InvalidProblem, match="no training-free metric"):
        metric_names(make_problem(columns={}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proposals": "bayes"}, "way to propose weights"),
        ({"signs": "negative"}, "range of weights"),
        ({"scale": "minmx"}, "Did you mean 'minmax'"),
        ({"missing": "mean"}, "rule for missing values"),
    ],
)
def test_options_of_other_names_are_refused(two_metrics, options: dict[str, str], message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        RoBoT(two_metrics, generator(), 10, **options)


@pytest.mark.parametrize("explore", [0, 11])
def test_exploration_must_fit_the_budget(two_metrics, explore: int) -> None:
    with pytest.raises(InvalidProblem, match="between 1 and the budget 10"):
        RoBoT(two_metrics, generator(), 10, explore=explore)


def test_precision_at_t_is_the_share_of_the_best_among_the_first() -> None:
    values = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    assert precision_at(np.array([1.0, 5.0, 4.0, 2.0, 3.0]), values, 2) == 0.5
    assert precision_at(values, values, 5) == 1
    assert precision_at(-values, values, 2) == 0
    with pytest.raises(InvalidProblem, match="precision at 6 of 5"):
        precision_at(values, values, 6)


def test_ties_in_precision_are_cut_in_index_order() -> None:
    assert precision_at(np.zeros(4), np.array([1.0, 1.0, 1.0, 0.0]), 2) == 1


def test_the_expected_rank_is_that_of_a_draw() -> None:
    assert expected_rank(1.0, 20) == 1
    assert expected_rank(0.0, 20) == 21
    draws = [generator(seed).permutation(20)[:5].min() + 1 for seed in range(4000)]
    assert np.mean(draws) == pytest.approx(expected_rank(0.25, 20), abs=0.1)


def test_equal_values_share_the_better_rank() -> None:
    assert [rank_of(candidate, np.array([2.0, 3.0, 2.0, 1.0])) for candidate in range(4)] == [2, 1, 2, 4]


def test_regrets_are_against_the_optimum_of_the_population(make_problem) -> None:
    problem = make_problem()
    searcher = make_searcher("ranking", problem, generator(), 3, metrics=["first"])
    history = run(searcher, problem, 3)  # 32, 33, 34: the first place on, then in index order
    assert history.candidates.tolist() == [32, 33, 34]
    assert regrets(history, problem) == {"simple_regret": 63 - 34, "mean_regret": 30}


def test_what_the_paper_looks_at_is_reported(two_metrics) -> None:
    searcher = RoBoT(two_metrics, generator(), 4, proposals="single", explore=2, refit=False)
    run(searcher, two_metrics, 4)
    assert robot_findings(searcher, two_metrics, 4) == {"explored": 2, "precision_at_T": 1, "weight_regret": 31.5}


def test_telling_is_what_moves_it(two_metrics) -> None:
    searcher = RoBoT(two_metrics, generator(), 4, proposals="single", explore=2)
    first = searcher.ask()
    searcher.tell(first, 100.0 if first == Query(0) else -100.0)  # a world in which `bad` is good
    second = searcher.ask()
    searcher.tell(second, 100.0 if second == Query(0) else -100.0)
    assert searcher.ask().candidate in two_metrics.neighbours(0)
