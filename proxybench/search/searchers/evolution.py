"""Regularised evolution: mutate the best of a random sample, remove the oldest."""

from __future__ import annotations

from collections import deque

import numpy as np

from proxybench.search.core.base import Query, checked_answer
from proxybench.search.core.problem import InvalidProblem, Problem


class RegularisedEvolution:
    """Aging evolution over the neighbours in the population.

    A parent without neighbours, as happens in a table that covers a small part of its space, is followed by a random
    candidate. A child that was evaluated before enters the population with its known value at no cost.

    Source: Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI
    2019, algorithm 1.

    Args:
        problem: the population to search.
        rng: source of randomness.
        budget: full trainings of the run; the default sizes follow from it.
        population: living architectures, by default half the budget but at most 100 (the paper's P).
        sample: how many of them compete to be parent, by default a quarter of `population` (the paper's S = P / 4).
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        population: int | None = None,
        sample: int | None = None,
    ) -> None:
        size = max(2, min(100, int(budget) // 2)) if population is None else population
        competing = max(2, size // 4) if sample is None else sample
        if not 1 <= competing <= size:
            raise InvalidProblem(f"sample is {competing}; it must be between 1 and the population size {size}")
        self._problem = problem
        self._rng = rng
        self._size = size
        self._sample = competing
        self._living: deque[tuple[float, int]] = deque(maxlen=size)

    def ask(self) -> Query:
        if len(self._living) < self._size:
            return Query(int(self._rng.integers(len(self._problem))))
        drawn = self._rng.choice(len(self._living), self._sample, replace=False)
        parent = max(self._living[place] for place in drawn)[1]
        children = self._problem.neighbours(parent)
        if not children:
            return Query(int(self._rng.integers(len(self._problem))))
        return Query(children[self._rng.integers(len(children))])

    def tell(self, query: Query, value: float) -> None:
        self._living.append((checked_answer(value), query.candidate))
