"""Random search: candidates in random order, none twice."""

from __future__ import annotations

import numpy as np

from proxybench.search.core.base import Query
from proxybench.search.core.problem import Problem


class RandomSearch:
    """Uniform without replacement."""

    def __init__(self, problem: Problem, rng: np.random.Generator, budget: float) -> None:
        self._order = iter(rng.permutation(len(problem)).tolist())

    def ask(self) -> Query | None:
        candidate = next(self._order, None)
        return None if candidate is None else Query(candidate)

    def tell(self, query: Query, value: object) -> None:
        pass
