"""Bayesian optimisation with a Gaussian process on graphs and training-free columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proxybench.search.core.metrics import metric_matrix
from proxybench.search.core.problem import Floats, Problem
from proxybench.search.parts.gaussian_process import GaussianProcess
from proxybench.search.parts.guided_batches import GuidedBatches


class GaussianProcessSearch(GuidedBatches):
    """Bayesian optimisation with a Gaussian process on the graph's one-hot encoding and the training-free columns.

    Args:
        problem: the population to search.
        rng: source of randomness.
        budget: full trainings of the run; a quarter of it is random unless `start` says otherwise.
        acquisition: "ucb", "ei", "thompson" or "greedy".
        start: random queries before the first fit.
        warm: start with the candidates that rank best by all training-free metrics together instead of random ones.
        pool: candidates considered in each step; all if the population has no more.
        every: queries between fits.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        acquisition: str = "ucb",
        start: int | None = None,
        warm: bool = False,
        pool: int = 500,
        every: int = 1,
    ) -> None:
        start = max(2, int(budget) // 4) if start is None else start
        model = _ProcessOnRows(problem.cached(_encoded))
        super().__init__(problem, rng, budget, model, acquisition, start, warm, pool, every)


class _ProcessOnRows:
    def __init__(self, rows: Floats) -> None:
        self._rows = rows
        self._process = GaussianProcess(length_scale=float(np.sqrt(rows.shape[1])))

    def beliefs(self, queried: NDArray[np.int64], values: Floats, pool: NDArray[np.int64]) -> tuple[Floats, Floats]:
        return self._process.fit(self._rows[queried], values).predict(self._rows[pool])


def _encoded(problem: Problem) -> Floats:
    """One standardised row per candidate: operations and edges one-hot, and the metrics' ranks, float64[n, d].

    Fitted on the whole population, since only targets have to be paid for.
    """
    from predictors.encodings import OneHot

    graphs = OneHot().fit(problem.batch).transform(problem.batch)
    rows = np.concatenate([graphs, metric_matrix(problem)], axis=1) if problem.columns else graphs
    spread = rows.std(axis=0)
    return np.asarray((rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0))
