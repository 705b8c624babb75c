"""The loop of searches guided by a model: fit it to the answers, query what an acquisition function prefers, repeat."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from proxybench.search.core.metrics import metric_matrix
from proxybench.search.core.problem import Floats, InvalidProblem, Problem
from proxybench.search.parts.acquisition import acquisition as find_acquisition
from proxybench.search.parts.batches import BatchSearch, best_last


class Model(Protocol):
    """What such a search knows of candidates that it has not queried."""

    def beliefs(self, queried: NDArray[np.int64], values: Floats, pool: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the pool's candidates, after a fit to those evaluated."""
        ...


class GuidedBatches(BatchSearch):
    """Queries `start` candidates first, then the candidates of a pool that the acquisition function prefers."""

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        model: Model,
        acquisition: str,
        start: int,
        warm: bool,
        pool: int,
        every: int,
    ) -> None:
        if start < 1 or pool < 1 or every < 1:
            raise InvalidProblem(f"start={start}, pool={pool} and every={every} must be at least 1")
        self._model = model
        self._acquire = find_acquisition(acquisition)
        self._pool = pool
        self._every = every
        first = problem.cached(_by_consensus) if warm else rng.permutation(len(problem))
        super().__init__(problem, rng, first[:start][::-1].tolist())

    def _choose(self) -> list[int]:
        pool = self._candidates()
        if not len(pool):
            return []
        queried, values = self._answers()
        mean, std = self._model.beliefs(queried, values, pool)
        return best_last(pool, self._acquire(mean, std, float(values.max()), self._rng), self._every)

    def _candidates(self) -> NDArray[np.int64]:
        """The unevaluated candidates: all, or a random pool plus neighbours of the best so far; in random order.

        The order breaks ties between candidates that the model cannot distinguish.
        """
        unseen = self._unseen()
        places = self._rng.permutation(np.flatnonzero(unseen))
        if len(places) <= self._pool:
            return places
        near = sorted(self._near_the_best(unseen))
        return np.array(list(dict.fromkeys([*near, *places[: self._pool].tolist()])), dtype=np.int64)


def _by_consensus(problem: Problem) -> NDArray[np.int64]:
    """Candidates by the mean rank of all training-free metrics, best first."""
    matrix = metric_matrix(problem)
    return np.argsort(-matrix.mean(axis=1), kind="stable")
