"""Searches for a front of two objectives, accuracy against a cost: runs over seeds, judged by hypervolume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from predictors.errors import unknown_name
from proxybench.grammar import Quantity
from proxybench.search.experiment import Posed
from proxybench.search.nsga2 import NSGA2
from proxybench.search.pareto import ParetoHistory, ParetoSearcher, hypervolume, objectives, run_pareto
from proxybench.search.problem import Floats
from proxybench.search.random_search import RandomSearch

FRONT_SEARCHERS = {"nsga2": NSGA2, "random": RandomSearch}


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
    """A posed problem with a cost as second objective; the reference point is the worst of each in the population.

    Args:
        posed: the problem; all its candidates must have the cost.
        cost: a quantity of the table, such as "latency_ms@edgegpu".

    Raises:
        InvalidProblem: if a candidate lacks the cost.
        UnknownName: if the table does not have the quantity.
    """

    def __init__(self, posed: Posed, cost: str) -> None:
        self.problem = posed.problem
        self.cost = Quantity.parse(cost)
        self.points = objectives(posed.bench, posed.problem, posed.dataset, [cost])
        self._whole = hypervolume(self.points, self.points.min(axis=0))

    def run(self, searcher: str, budget: int, seed: int) -> FrontRun:
        """One run. Raises UnknownName for a searcher with only one objective."""
        if searcher not in FRONT_SEARCHERS:
            raise unknown_name("searcher with two objectives", searcher, FRONT_SEARCHERS)
        made: ParetoSearcher = FRONT_SEARCHERS[searcher](self.problem, np.random.default_rng(seed), budget)
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
