"""Domination and hypervolume by hand and by counting; NSGA-II where pymoo is installed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxybench.search import find_problem, make_searcher
from proxybench.search.core.pareto import hypervolume, non_dominated, objectives, run_pareto
from proxybench.search.core.problem import InvalidProblem
from proxybench.search.experiments.experiment import ProblemSetting, TableSearch
from proxybench.search.experiments.two_objectives import FrontProblem, share_after

CORNERS = np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 3.0], [1.0, 1.0], [2.0, 2.0]])


def test_the_front_is_what_no_other_dominates() -> None:
    assert non_dominated(CORNERS).tolist() == [True, True, True, False, True]


def test_the_hypervolume_of_a_staircase() -> None:
    # Columns of width 1 and heights 3, 2, 1 above the origin.
    assert hypervolume(CORNERS, np.zeros(2)) == 6
    assert hypervolume(CORNERS, np.array([1.0, 1.0])) == 1
    assert hypervolume(CORNERS, np.array([3.0, 3.0])) == 0
    assert hypervolume(np.empty((0, 2)), np.zeros(2)) == 0


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=12))
def test_the_hypervolume_counts_the_unit_squares_below_a_point(points: list[tuple[int, int]]) -> None:
    squares = {(x, y) for right, top in points for x in range(right) for y in range(top)}
    assert hypervolume(np.array(points, dtype=float), np.zeros(2)) == len(squares)


def test_other_numbers_of_objectives_are_refused() -> None:
    with pytest.raises(InvalidProblem, match="two objectives"):
        hypervolume(np.zeros((3, 3)), np.zeros(3))


def test_latency_enters_with_a_minus_sign(tiny) -> None:
    problem = find_problem(tiny, where=["latency_ms@fpga"])
    points = objectives(tiny, problem, "images", ["latency_ms@fpga"])
    assert sorted(map(tuple, points.tolist())) == [(9, -1), (81, -3), (92, -8), (93, -9)]
    assert non_dominated(points).all()


def test_a_quantity_that_a_candidate_lacks_is_refused(tiny) -> None:
    problem = find_problem(tiny, distinct="index")
    with pytest.raises(InvalidProblem, match="name them in `where`"):
        objectives(tiny, problem, "images", ["latency_ms@fpga"])


@pytest.fixture
def trade_off(make_problem, bits):
    """Worth against the number of places that are on."""
    problem = make_problem(bits @ [3, 1, 4, 1.5, 5, 9], seconds={9: np.ones(64)})
    return problem, np.column_stack([problem.values, -bits.sum(axis=1)])


def test_the_hypervolume_of_a_run_never_falls_and_seconds_add_up(trade_off) -> None:
    problem, points = trade_off
    history = run_pareto(make_searcher("random", problem, np.random.default_rng(0), 20), problem, points, 20)
    assert (np.diff(history.hypervolume) >= 0).all()
    assert history.seconds.tolist() == list(range(1, 21))
    assert len(set(history.candidates.tolist())) == 20


class TestNSGA2:
    @pytest.fixture(autouse=True)
    def _pymoo(self) -> None:
        pytest.importorskip("pymoo")

    def found(self, trade_off, seed: int, budget: int = 32):
        from proxybench.search.searchers.nsga2 import NSGA2

        problem, points = trade_off
        searcher = NSGA2(problem, np.random.default_rng(seed), budget, population=8)
        return run_pareto(searcher, problem, points, budget)

    def test_pays_for_distinct_architectures_and_is_the_same_for_a_seed(self, trade_off) -> None:
        one, same, other = (self.found(trade_off, seed).candidates.tolist() for seed in (0, 0, 1))
        assert len(set(one)) == len(one) == 32
        assert one == same != other

    def test_beats_random_search_in_hypervolume(self, trade_off) -> None:
        problem, points = trade_off
        random = [
            run_pareto(make_searcher("random", problem, np.random.default_rng(seed), 32), problem, points, 32)
            for seed in range(10)
        ]
        volumes = [self.found(trade_off, seed).hypervolume[-1] for seed in range(10)]
        assert np.mean(volumes) > np.mean([one.hypervolume[-1] for one in random])

    def test_leaves_global_random_state_alone(self, trade_off) -> None:
        before = np.random.get_state()[1].tolist()
        self.found(trade_off, 0)
        assert np.random.get_state()[1].tolist() == before

    def test_agrees_with_pymoos_hypervolume(self, trade_off) -> None:
        from pymoo.indicators.hv import HV

        _, points = trade_off
        some = points[np.random.default_rng(0).choice(64, 20, replace=False)]
        theirs = HV(ref_point=-points.min(axis=0))(-some)
        assert hypervolume(some, points.min(axis=0)) == pytest.approx(theirs)


def test_the_share_after_some_trainings_is_of_the_populations_own_front(tiny) -> None:
    # Worth and latency of the four candidates: (9, 1), (81, 3), (92, 8), (93, 9). Above (9, -9) the first and last add
    # nothing; 72 * 6 is dominated by 81, and 11 * 1 more by 92.
    problem = FrontProblem(TableSearch(ProblemSetting("tiny", where=("latency_ms@fpga",))), "latency_ms@fpga")
    runs = list(problem.runs(["random"], 4, range(3)))
    for one in runs:
        point = problem.points[one.history.candidates[0]]
        assert one.share[0] == pytest.approx((point[0] - 9) * (point[1] + 9) / (72 * 6 + 11 * 1))
    assert share_after(runs, 4).tolist() == share_after(runs, 9).tolist() == [1, 1, 1]
