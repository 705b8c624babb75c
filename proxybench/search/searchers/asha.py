"""ASHA: a candidate that does well in a short training is promoted to a longer one at once."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from proxybench.search.core.base import Query, checked_answer
from proxybench.search.core.problem import Problem
from proxybench.search.parts.rungs import rungs_of


class ASHA:
    """Asynchronous successive halving: promote a candidate in the top 1 / eta of a rung, or start a new one.

    Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2, here with
    one worker.

    Args:
        problem: the population to search; with `fidelities`, or there is one rung and this is random search.
        rng: source of randomness.
        budget: of the run; not used.
    """

    multi_fidelity: ClassVar = True

    def __init__(self, problem: Problem, rng: np.random.Generator, budget: float) -> None:
        self._levels = rungs_of(problem)
        self._fresh = iter(rng.permutation(len(problem)).tolist())
        self._rungs: list[list[tuple[float, int]]] = [[] for _ in self._levels]
        self._promoted: list[set[int]] = [set() for _ in self._levels]

    def ask(self) -> Query | None:
        for place in reversed(range(len(self._levels) - 1)):
            ranked = sorted(self._rungs[place], reverse=True)
            top = int(len(ranked) * self._levels[place] / self._levels[place + 1])
            for _, candidate in ranked[:top]:
                if candidate not in self._promoted[place]:
                    self._promoted[place].add(candidate)
                    return Query(candidate, self._levels[place + 1])
        fresh = next(self._fresh, None)
        return None if fresh is None else Query(fresh, self._levels[0])

    def tell(self, query: Query, value: float) -> None:
        epochs = self._levels[-1] if query.epochs is None else query.epochs
        self._rungs[self._levels.index(epochs)].append((checked_answer(value), query.candidate))
