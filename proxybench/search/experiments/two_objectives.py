"""Searches for a front of two objectives, accuracy against a cost: runs over seeds, judged by hypervolume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from proxybench.grammar import Quantity
from proxybench.search import TWO_OBJECTIVE_SEARCHERS
from proxybench.search.core.pareto import ParetoHistory, ParetoSearcher, hypervolume, objectives, run_pareto
from proxybench.search.core.problem import Floats
from proxybench.search.experiments.experiment import TableSearch


@dataclass(frozen=True)
class FrontRun:
    """One run.

    Attributes:
        searcher: its name.
        seed: of everything random in it.
        history: the paid queries; `points` are the objective and the cost, larger is better.
        share: float64[k], share of the hypervolume of the population's own front, after 1 to k trainings.
    """

    searcher: str
    seed: int
    history: ParetoHistory
    share: Floats


class FrontProblem:
    """A problem with a cost as second objective; the reference point is the worst of each in the population.

    Args:
        table_search: a problem on a table; all its candidates must have the cost.
        cost: a quantity of the table, such as "latency_ms@edgegpu".

    Raises:
        InvalidProblem: if a candidate lacks the cost.
        UnknownName: if the table does not have the quantity.
    """

    def __init__(self, table_search: TableSearch, cost: str) -> None:
        self.problem = table_search.problem
        self.cost = Quantity.parse(cost)
        self.points = objectives(table_search.bench, table_search.problem, table_search.dataset, [cost])
        self._whole = hypervolume(self.points, self.points.min(axis=0))

    def run(self, searcher: str, budget: int, seed: int) -> FrontRun:
        """One run. Raises UnknownName for a searcher with only one objective."""
        made: ParetoSearcher = TWO_OBJECTIVE_SEARCHERS[searcher](self.problem, np.random.default_rng(seed), budget)
        history = run_pareto(made, self.problem, self.points, budget)
        return FrontRun(searcher, seed, history, history.hypervolume / self._whole)

    def runs(self, searchers: Sequence[str], budget: int, seeds: Sequence[int]) -> Iterator[FrontRun]:
        """All runs, seed by seed."""
        for seed in seeds:
            for searcher in searchers:
                yield self.run(searcher, budget, seed)


def share_after(runs: Sequence[FrontRun], trainings: int) -> Floats:
    """The share of the hypervolume after `trainings`, float64[runs]; the last one for a run that ended earlier."""
    return np.array([one.share[min(trainings, len(one.share)) - 1] for one in runs])
