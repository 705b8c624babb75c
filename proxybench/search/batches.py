"""What searchers share that choose several candidates at once, from all that they were told so far."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from proxybench.search.base import Query, told_value
from proxybench.search.problem import Floats, Problem

NEAR = 5  # of the best so far, whose neighbours are looked at


class BatchSearch(ABC):
    """Asks one batch of candidates to its end, then chooses the next.

    Args:
        problem: the population to search.
        rng: source of randomness.
        first: the first batch; the last of it is asked first, as of every batch.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator, first: list[int]) -> None:
        self._problem = problem
        self._rng = rng
        self._told: dict[int, float] = {}
        self._queue = first

    def ask(self) -> Query | None:
        if not self._queue:
            self._queue = self._choose()
        return Query(self._queue.pop()) if self._queue else None

    def tell(self, query: Query, value: float) -> None:
        self._told[query.candidate] = told_value(value)

    @abstractmethod
    def _choose(self) -> list[int]:
        """The next batch, its best candidate last; empty where there is nothing left to ask."""

    def _answers(self) -> tuple[NDArray[np.int64], Floats]:
        """The k candidates told so far, int64[k], and what they are worth, float64[k]."""
        return np.fromiter(self._told, dtype=np.int64), np.array(list(self._told.values()))

    def _unseen(self) -> NDArray[np.bool_]:
        """Which candidates are not told yet, bool[n]."""
        unseen = np.ones(len(self._problem), dtype=bool)
        unseen[list(self._told)] = False
        return unseen

    def _near_the_best(self, unseen: NDArray[np.bool_]) -> list[int]:
        """The unseen neighbours of the five best so far, those of the best first; one next to two is there twice."""
        best = sorted(self._told, key=lambda candidate: -self._told[candidate])[:NEAR]
        return [other for candidate in best for other in self._problem.neighbours(candidate) if unseen[other]]


def best_last(candidates: NDArray[np.int64], worth: Floats, n: int) -> list[int]:
    """The n candidates of most worth, the best last; of equals the first counts as the better."""
    best = np.argsort(-worth, kind="stable")[:n]
    return [int(candidate) for candidate in candidates[best[::-1]]]
