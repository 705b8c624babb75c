"""One search for several tasks: the arithmetic of its distributions, and that every task profits."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import proxybench as pb
from proxybench.oneshot.task_distributions import TaskDistributions
from proxybench.search.core.problem import InvalidProblem, Problem
from proxybench.search.experiments.several_tasks import Tasks, compare_searches, find_tasks, search_tasks

SPACE = "nasbench-macro"


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    """Architectures whose tasks want opposite operations in every layer."""
    space = pb.get_space(SPACE)
    archs = space.sample(600, 0)
    chosen = np.array([space.to_choices(arch) for arch in archs])
    values = np.stack([(chosen == 2).sum(axis=1), (chosen == 0).sum(axis=1)], axis=1).astype(float)
    return Tasks(("deep", "small"), Problem(space, archs, {1: values[:, 0]}, key=space.format), values)


def test_chances_are_those_of_independent_choices() -> None:
    choices = np.array(list(product(range(2), range(3))))
    distributions = TaskDistributions(choices, 2)
    distributions.logits[1] = np.log([0.2, 0.8, 0.5, 0.3, 0.2])
    chances = distributions.chances()
    assert chances[0] == pytest.approx(np.full(6, 1 / 6))
    assert chances[1] == pytest.approx([0.1, 0.06, 0.04, 0.4, 0.24, 0.16])
    assert distributions.shared() == pytest.approx(chances.mean(axis=0))


def test_each_task_moves_towards_its_own_rewards() -> None:
    distributions = TaskDistributions(np.array([[0], [1], [2]]), 3)
    rewards = np.array([[1.0, 0.0, 5.0], [0.0, 0.0, 5.0], [0.0, 1.0, 5.0]])
    distributions.learn([0, 1, 2], np.full(3, 1 / 3), rewards, 1.0)
    first, second, third = distributions.chances()
    assert first.argmax() == 0
    assert second.argmax() == 2
    assert third == pytest.approx(np.full(3, 1 / 3)), "equal rewards say nothing"


def test_samples_are_weighted_by_the_ratio_of_probabilities() -> None:
    distributions = TaskDistributions(np.array([[0], [1], [2]]), 1)
    rewards = np.array([[3.0], [0.0], [0.0]])
    distributions.learn([0, 1, 2], np.array([0.5, 0.25, 0.25]), rewards, 1.0)
    # Ratios 2/3, 4/3, 4/3 as shares: .2, .4, .4. Mean .6, spread 1.2; slopes .2 * 2.4 / 1.2 and .4 * -.6 / 1.2.
    assert distributions.logits[0] == pytest.approx([0.4, -0.2, -0.2])


def test_no_architecture_is_queried_twice_and_a_seed_determines_them(tasks) -> None:
    first, again = (search_tasks(tasks, 50, np.random.default_rng(4)) for _ in range(2))
    assert len(set(first.tolist())) == 50
    assert np.array_equal(first, again)


def test_one_search_serves_tasks_that_want_opposite_things(tasks) -> None:
    found = compare_searches(tasks, 60, range(8)).set_index(["search", "task"])
    for task in ("deep", "small"):
        assert found.loc[("fbnetv5", task), "rank_mean"] < found.loc[("random", task), "rank_mean"]
        assert found.loc[("fbnetv5", task), "wins"] > 0.5
        assert found.loc[("random", task), "wins"] == 0.5


def test_more_queries_than_candidates_are_refused(tasks) -> None:
    with pytest.raises(InvalidProblem, match="1 to 600"):
        search_tasks(tasks, 601, np.random.default_rng(0))


def test_the_tasks_of_a_table_have_the_same_candidates(real_tables) -> None:
    bench = pb.load("transnas101-micro")
    found = find_tasks(bench, ["jigsaw", "normal"])
    assert found.names == ("jigsaw", "normal")
    assert len(found.values) == len(set(bench.digests))
    assert found.values[:, 1] == pytest.approx(bench.values("val_ssim", dataset="normal")[found.problem.rows])
