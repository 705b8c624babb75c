"""Search guided by a predictor: fit it to the answers, query what an acquisition function prefers, repeat."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.learner import Learner
from proxybench.search.core.problem import Floats, Problem
from proxybench.search.parts.encoded import population_rows
from proxybench.search.parts.guided_batches import GuidedBatches


class ModelGuided(GuidedBatches):
    """Search with a predictor; its uncertainty is its own `predict_std` or the spread of a bootstrap ensemble.

    Source: White, Neiswanger and Savani, "BANANAS", AAAI 2021, with any predictor in place of their networks.

    Args:
        problem: the population to search.
        rng: source of randomness.
        budget: full trainings of the run; a quarter of it is random unless `start` says otherwise.
        predictor: a name for `predictors.make`, or any unfitted object with `fit(X, y)` and `predict(X)`, which is
            copied by scikit-learn's `clone` if it has `get_params`, and otherwise by `copy.deepcopy`. By default
            LightGBM with a quarter of its usual rounds, each four times as large, since it is fitted repeatedly to few
            architectures.
        acquisition: "ucb", "ei", "thompson" or "greedy".
        ensemble: members of the ensemble, each fitted to a bootstrap sample; not used if the predictor has a std.
        start: random queries before the first fit.
        warm: start with the candidates that rank best by all training-free metrics together instead of random ones.
        pool: candidates considered in each step; all if the population has no more.
        every: queries between fits; by default a twentieth of the budget.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        predictor: Any = None,
        acquisition: str = "ucb",
        ensemble: int = 5,
        start: int | None = None,
        warm: bool = False,
        pool: int = 500,
        every: int | None = None,
    ) -> None:
        start = max(2, int(budget) // 4) if start is None else start
        every = max(1, int(budget) // 20) if every is None else every
        model = _Ensemble(problem, rng, predictor, ensemble if acquisition != "greedy" else 1)
        super().__init__(problem, rng, budget, model, acquisition, start, warm, pool, every)


class _Ensemble:
    """A predictor, or copies of it fitted to bootstrap samples.

    A tabular predictor gets its rows from the problem, which encodes each candidate once for all searches.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator, predictor: Any, members: int) -> None:
        from predictors import make
        from predictors.tabular.base import Tabular

        self._problem = problem
        self._rng = rng
        if predictor is None:
            predictor = make("gbdt", rounds=100, learning_rate=0.16)
        self._predictor = make(predictor) if isinstance(predictor, str) else predictor
        self._members = 1 if hasattr(self._predictor, "predict_std") else members
        self._encoded = population_rows(problem, self._predictor) if isinstance(self._predictor, Tabular) else None

    def beliefs(self, queried: NDArray[np.int64], values: Floats, pool: NDArray[np.int64]) -> tuple[Floats, Floats]:
        if self._members == 1:
            return self._fitted(queried, values, pool)
        drawn = [self._rng.integers(len(values), size=len(values)) for _ in range(self._members)]
        predicted = [self._fitted(queried[rows], values[rows], pool)[0] for rows in drawn]
        return np.mean(predicted, axis=0), np.std(predicted, axis=0)

    def _fitted(self, queried: NDArray[np.int64], values: Floats, pool: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of one model's scores; 0 if it has none."""
        model = self._fresh()
        if self._encoded is None:
            batch = self._problem.batch
            model.fit(batch[queried], values)
            graphs = batch[pool]
            if isinstance(model, Learner):
                return model.beliefs(graphs)
            known = hasattr(model, "predict_std")
            return model.predict(graphs), model.predict_std(graphs) if known else np.zeros(len(pool))
        model.fit_rows(self._encoded.rows, self._encoded.of(queried), values)
        beliefs: tuple[Floats, Floats] = model.belief_rows(self._encoded.of(pool))
        return beliefs

    def _fresh(self) -> Any:
        """An unfitted copy, with its own random state if it takes one."""
        if not hasattr(self._predictor, "get_params"):
            return deepcopy(self._predictor)
        from sklearn.base import clone

        model = clone(self._predictor)
        if "random_state" in model.get_params():
            model.set_params(random_state=int(self._rng.integers(2**31)))
        return model
