"""GBDT-NAS as a search: what it asks, in which order, and that a pruned choice is not asked while others are left."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from predictors.arch import ArchGraph
from predictors.errors import UnknownName
from predictors.gbdt_nas import Operation
from proxybench.search import Problem, run
from proxybench.search.core.problem import InvalidProblem
from proxybench.search.searchers.gbdt_nas import GBDTNAS
from proxybench.spaces import get_space

OPS = get_space("nasbench201").ops


@pytest.fixture(scope="module")
def cells() -> list[ArchGraph]:
    """The 625 cells of NAS-Bench-201 with no convolution on the last two edges."""
    space = get_space("nasbench201")
    edges = "|{}~0|+|{}~0|{}~1|+|{}~0|none~1|none~2|"
    operations = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    return [space.parse(edges.format(*four)) for four in product(operations, repeat=4)]


@pytest.fixture
def make(cells):
    """A problem on these cells; worth is the number of 3x3 convolutions, but a pool on the first edge costs five."""

    def worth(arch: ArchGraph) -> float:
        return arch.ops.count("nor_conv_3x3") - 5.0 * (arch.ops[1] == "avg_pool_3x3")

    def make(**options: object) -> tuple[Problem, GBDTNAS]:
        values = np.array([worth(arch) for arch in cells])
        problem = Problem(get_space("nasbench201"), cells, {200: values}, key=get_space("nasbench201").format)
        return problem, GBDTNAS(problem, np.random.default_rng(options.pop("seed", 0)), 200, **options)  # type: ignore

    return make


def test_first_asks_at_random_then_the_best_predicted_first(make) -> None:
    problem, searcher = make(start=300, every=25, min_leaf=5)
    history = run(searcher, problem, 325)
    left = np.delete(problem.values, history.candidates[:300])
    assert abs(history.values[:300].mean() - problem.values.mean()) < 0.3
    assert history.values[300] == left.max()
    assert history.values[300:].mean() > 2 > 0 > left.mean()


def test_every_candidate_is_asked_once_in_the_end(make) -> None:
    for pruning in ("none", "first", "second", "pairs"):
        problem, searcher = make(start=200, every=100, pruning=pruning)
        history = run(searcher, problem, 1000)
        assert sorted(history.candidates) == list(range(625))
        assert history.ended == "exhausted"


def test_what_is_pruned_is_asked_last(make) -> None:
    problem, searcher = make(start=100, every=100, pruning="first", prunings=1, at_most=1, min_leaf=5)
    history = run(searcher, problem, 625)
    assert searcher.constraints.removed == {Operation(1, "avg_pool_3x3")}
    pooled = np.array([problem.archs[place].ops[1] == "avg_pool_3x3" for place in history.candidates])
    after = pooled[100:]
    assert 0 < pooled[:100].sum() < 50
    assert not after[: (~after).sum()].any()


def test_prunings_stop_after_as_many_iterations(make) -> None:
    problem, searcher = make(start=100, every=50, pruning="first", prunings=2, at_most=1)
    run(searcher, problem, 400)
    assert len(searcher.constraints.removed) == 2


def test_a_pool_limits_what_is_ranked(make) -> None:
    problem, searcher = make(start=100, every=10, pool=10)
    values = run(searcher, problem, 110).values
    assert values[100:].mean() < 2  # ten random ones, of mean -0.2; the best ten have at least three convolutions


def test_answers_below_the_floor_are_not_learnt_from(make) -> None:
    # Without the pools on the first edge there is nothing against them: they are predicted like the others.
    problem, searcher = make(start=200, every=100, floor=0.0)
    asked = run(searcher, problem, 300).candidates[200:]
    _, blind = make(start=200, every=100)
    informed = run(blind, problem, 300).candidates[200:]

    def pools(candidates: np.ndarray) -> int:
        return sum(problem.archs[place].ops[1] == "avg_pool_3x3" for place in candidates)

    assert pools(informed) == 0
    assert pools(asked) > 0


def test_the_same_seed_gives_the_same_run_and_another_another(make) -> None:
    runs = []
    for seed in (1, 1, 2):
        problem, searcher = make(seed=seed, start=60, every=20, pruning="second")
        runs.append((run(searcher, problem, 150).candidates.tolist(), searcher.constraints))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_asks_on_while_there_are_too_few_answers_to_split_by(make) -> None:
    problem, searcher = make(start=1, every=1, pruning="second")
    assert run(searcher, problem, 12).queries == 12


def test_defaults_follow_from_the_budget(make) -> None:
    problem, searcher = make()
    history = run(searcher, problem, 200)  # 50 random ones, then 20 at a time
    assert history.queries == 200


def test_options_out_of_range_are_refused(make) -> None:
    for options in ({"start": 0}, {"pool": 0}, {"every": 0}):
        with pytest.raises(InvalidProblem, match="must be at least 1"):
            make(**options)
    with pytest.raises(UnknownName, match="Did you mean 'second'"):
        make(pruning="secnd")
