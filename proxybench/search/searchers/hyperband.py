"""Hyperband: many short trainings, few long ones, on the epoch budgets in the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from proxybench.search.core.base import Query, checked_answer
from proxybench.search.core.problem import Problem
from proxybench.search.parts.rungs import rungs_of


class Hyperband:
    """Brackets of successive halving, from one that starts at the smallest budget to plain random search.

    The rungs are the epochs of the table, so the number kept between rungs follows from their ratio instead of
    a fixed eta; brackets repeat until the budget is spent.

    Source: Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 2018,
    algorithm 1.

    Args:
        problem: the population to search; with `fidelities`, or there is one rung and this is random search.
        rng: source of randomness.
        budget: of the run; not used.
    """

    multi_fidelity: ClassVar = True

    def __init__(self, problem: Problem, rng: np.random.Generator, budget: float) -> None:
        self._levels = rungs_of(problem)
        self._fresh = iter(rng.permutation(len(problem)).tolist())
        self._answers: dict[Query, float] = {}
        self._queries = self._brackets()

    def ask(self) -> Query | None:
        return next(self._queries, None)

    def tell(self, query: Query, value: float) -> None:
        self._answers[query] = checked_answer(value)

    def _brackets(self) -> Iterator[Query]:
        count = len(self._levels)
        while True:
            for first in range(count):
                rungs = self._levels[first:]
                # All brackets of a round cost about the same: (brackets in a round) / (rungs of this one) x ratio.
                start = int(np.ceil(count / len(rungs) * self._levels[-1] / rungs[0]))
                entrants = [candidate for candidate, _ in zip(self._fresh, range(start), strict=False)]
                if not entrants:
                    return
                yield from self._halving(entrants, rungs)

    def _halving(self, entrants: list[int], rungs: tuple[int, ...]) -> Iterator[Query]:
        for place, epochs in enumerate(rungs):
            queries = [Query(candidate, epochs) for candidate in entrants]
            yield from queries
            if place + 1 < len(rungs):
                kept = max(1, int(len(entrants) * epochs / rungs[place + 1]))
                ranked = sorted(queries, key=lambda query: -self._answers[query])
                entrants = [query.candidate for query in ranked[:kept]]
