"""Local search: move to a better neighbour until no neighbour is better, then restart elsewhere."""

from __future__ import annotations

import math

import numpy as np

from proxybench.search.core.base import Query, checked_answer
from proxybench.search.core.problem import Problem


class LocalSearch:
    """Hill climbing with random restarts over the neighbours in the population.

    Source: White, Nolen and Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021.

    Args:
        problem: the population to search.
        rng: source of randomness.
        budget: of the run; not used.
        first: whether to move to the first better neighbour (the paper's "query until lower") or to the best one.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator, budget: float, first: bool = True) -> None:
        self._problem = problem
        self._rng = rng
        self._first = first
        self._starts = rng.permutation(len(problem)).tolist()
        self._known: dict[int, float] = {}
        self._climb_from(None)

    def _climb_from(self, centre: int | None) -> None:
        """Climb from `centre`; None restarts."""
        self._centre = centre
        self._best = (-math.inf, -1) if centre is None else (self._known[centre], centre)
        around = [] if centre is None else list(self._problem.neighbours(centre))
        self._rng.shuffle(around)
        self._around = around

    def ask(self) -> Query | None:
        while self._centre is not None:
            if self._around:
                candidate = self._around.pop()
                if candidate not in self._known:
                    return Query(candidate)
                self._consider(candidate)
            elif self._best[1] != self._centre:
                self._climb_from(self._best[1])
            else:
                self._climb_from(None)
        while self._starts and self._starts[-1] in self._known:
            self._starts.pop()
        return Query(self._starts.pop()) if self._starts else None

    def tell(self, query: Query, value: float) -> None:
        self._known[query.candidate] = checked_answer(value)
        if self._centre is None:
            self._climb_from(query.candidate)
        else:
            self._consider(query.candidate)

    def _consider(self, candidate: int) -> None:
        value = self._known[candidate]
        if value > self._best[0]:
            self._best = (value, candidate)
            if self._first:
                self._climb_from(candidate)
