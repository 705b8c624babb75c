"""Shared code of searchers that choose several candidates at once, based on all answers so far."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from proxybench.search.core.base import Query, checked_answer
from proxybench.search.core.problem import Floats, Problem

NEAR = 5  # number of best candidates so far whose neighbours are considered


class BatchSearch(ABC):
    """Queries all candidates of a batch, then chooses the next batch.

    Args:
        problem: the population to search.
        rng: source of randomness.
        first: the first batch; as in every batch, its last candidate is queried first.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator, first: list[int]) -> None:
        self._problem = problem
        self._rng = rng
        self._answered: dict[int, float] = {}
        self._queue = first

    def ask(self) -> Query | None:
        if not self._queue:
            self._queue = self._choose()
        return Query(self._queue.pop()) if self._queue else None

    def tell(self, query: Query, value: float) -> None:
        self._answered[query.candidate] = checked_answer(value)

    @abstractmethod
    def _choose(self) -> list[int]:
        """The next batch, with its best candidate last; empty if all candidates are evaluated."""

    def _answers(self) -> tuple[NDArray[np.int64], Floats]:
        """The k candidates evaluated so far, int64[k], and their values, float64[k]."""
        return np.fromiter(self._answered, dtype=np.int64), np.array(list(self._answered.values()))

    def _unseen(self) -> NDArray[np.bool_]:
        """Mask of the candidates not evaluated yet, bool[n]."""
        unseen = np.ones(len(self._problem), dtype=bool)
        unseen[list(self._answered)] = False
        return unseen

    def _near_the_best(self, unseen: NDArray[np.bool_]) -> list[int]:
        """The unseen neighbours of the five best so far, starting with the best; may contain duplicates."""
        best = sorted(self._answered, key=lambda candidate: -self._answered[candidate])[:NEAR]
        return [other for candidate in best for other in self._problem.neighbours(candidate) if unseen[other]]


def best_last(candidates: NDArray[np.int64], worth: Floats, n: int) -> list[int]:
    """The n most valuable candidates, the best last; among equals the first counts as better."""
    best = np.argsort(-worth, kind="stable")[:n]
    return [int(candidate) for candidate in candidates[best[::-1]]]
