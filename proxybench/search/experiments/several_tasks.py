"""One search for several tasks at once, as in FBNetV5: every query answers for all of them.

Wu et al., "FBNetV5: Neural Architecture Search for Multiple Tasks in One Run", 2021. Its publication describes the
mechanism; the distribution that samples are drawn from, the baseline and the rate are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from proxybench.oneshot.task_distributions import TaskDistributions
from proxybench.search.core.population import find_problem
from proxybench.search.core.problem import Floats, InvalidProblem, Problem
from proxybench.search.parts.choices import node_choices
from proxybench.tables.benchmark import Benchmark

RATE = 3.0
BATCH = 8
SEARCHES = ("fbnetv5", "random")


@dataclass(frozen=True)
class Tasks:
    """Architectures that a table has results of on every task.

    Attributes:
        names: data sets of the table.
        problem: the candidates, with the answers of the first task.
        values: the answers of all tasks, float64[n, tasks], larger is better.
    """

    names: tuple[str, ...]
    problem: Problem
    values: Floats


def find_tasks(bench: Benchmark, datasets: Sequence[str] | None = None, objective: str | None = None) -> Tasks:
    """The data sets of a table as tasks with the same candidates, one for each distinct architecture.

    Args:
        bench: the table.
        datasets: data sets; all by default.
        objective: the quantity of every task; each one's validation result at its largest epochs by default.

    Raises:
        InvalidProblem: if no architecture has a result on every task.
        UnknownName, NotMeasured: as `find_problem`.
    """
    names = tuple(bench.datasets if datasets is None else datasets)
    problems = [find_problem(bench, name, objective, distinct="index") for name in names]
    rows = find_problem(bench, names[0], objective).rows if names else np.empty(0, np.int64)
    for problem in problems:
        rows = np.intersect1d(rows, problem.rows)
    if not len(rows):
        raise InvalidProblem(f"{bench.name}: no architecture has a result on all of {', '.join(names)}")
    values = np.stack([problem.values[np.searchsorted(problem.rows, rows)] for problem in problems], axis=1)
    archs = [bench.arch(int(row)) for row in rows]
    keys = [bench.archs[row] for row in rows.tolist()]
    problem = Problem(bench.space, archs, {1: values[:, 0]}, key=bench.space.format, keys=keys, rows=rows)
    return Tasks(names, problem, values)


def search_tasks(
    tasks: Tasks, budget: int, rng: np.random.Generator, *, batch: int = BATCH, rate: float = RATE
) -> NDArray[np.int64]:
    """Candidates queried in one search for all tasks, int64[budget], none twice.

    Args:
        tasks: from `find_tasks`.
        budget: number of queries, each of which answers for all tasks.
        rng: source of randomness.
        batch: queries between two steps of the distributions.
        rate: of these steps; 0 is random search.

    Raises:
        InvalidProblem: for numbers below 1, or more queries than candidates.
    """
    n = len(tasks.values)
    if not 1 <= budget <= n or batch < 1:
        raise InvalidProblem(f"budget must be 1 to {n} and batch at least 1, not {budget} and {batch}")
    distributions = TaskDistributions(tasks.problem.cached(node_choices), len(tasks.names))
    new = np.ones(n, bool)
    queried: list[int] = []
    while len(queried) < budget:
        chances = np.where(new, distributions.shared(), 0.0)
        chances /= chances.sum()
        size = min(batch, budget - len(queried), int((chances > 0).sum()))
        drawn = rng.choice(n, size, replace=False, p=chances)
        new[drawn] = False
        queried += drawn.tolist()
        distributions.learn(drawn, chances[drawn], tasks.values[drawn], rate)
    return np.array(queried, dtype=np.int64)


def compare_searches(
    tasks: Tasks, budget: int, seeds: Sequence[int], *, batch: int = BATCH, rate: float = RATE
) -> pd.DataFrame:
    """The best architectures that one search for all tasks, and random search, find with equally many queries.

    Returns:
        A row for each search and task: `rank_mean` and `rank_std`, the mean and standard deviation over the seeds of
        the rank of the best queried architecture among all candidates, 1 being the best; and `wins`, the share of
        seeds in which it is better than the best one of random search with that seed, a tie counting half.
    """
    order = np.argsort(np.argsort(-tasks.values, axis=0, kind="stable"), axis=0) + 1
    found = {
        name: np.array(
            [
                order[search_tasks(tasks, budget, np.random.default_rng(seed), batch=batch, rate=speed)].min(axis=0)
                for seed in seeds
            ]
        )
        for name, speed in zip(SEARCHES, (rate, 0.0), strict=True)
    }
    rows = []
    for name, ranks in found.items():
        wins = ((ranks < found["random"]) + 0.5 * (ranks == found["random"])).mean(axis=0)
        for task, dataset in enumerate(tasks.names):
            spread = float(ranks[:, task].std(ddof=1)) if len(seeds) > 1 else np.nan
            rows.append([name, dataset, budget, len(seeds), float(ranks[:, task].mean()), spread, float(wins[task])])
    return pd.DataFrame(rows, columns=["search", "task", "queries", "seeds", "rank_mean", "rank_std", "wins"])
