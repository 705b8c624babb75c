"""Search guided by a model: fit it to the answers, ask the candidates preferred by an acquisition function, repeat.

White, Neiswanger, Savani: BANANAS, AAAI 2021, with any predictor in place of their networks.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from predictors.learner import Learner
from proxybench.search.acquisition import acquisition as find_acquisition
from proxybench.search.batches import BatchSearch, best_last
from proxybench.search.encoded import population_rows
from proxybench.search.gaussian_process import GaussianProcess
from proxybench.search.metrics import metric_matrix
from proxybench.search.problem import Floats, InvalidProblem, Problem


class _Model(Protocol):
    def beliefs(self, told: NDArray[np.int64], values: Floats, pool: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the pool's candidates, after a fit to those evaluated."""
        ...


class _Guided(BatchSearch):
    """Asks `start` candidates first, then the candidates of a pool that the acquisition function prefers."""

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        model: _Model,
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
        first = problem.once(_by_consensus) if warm else rng.permutation(len(problem))
        super().__init__(problem, rng, first[:start][::-1].tolist())

    def _choose(self) -> list[int]:
        pool = self._candidates()
        if not len(pool):
            return []
        told, values = self._answers()
        mean, std = self._model.beliefs(told, values, pool)
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


class GaussianProcessSearch(_Guided):
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
        model = _ProcessOnRows(problem.once(_encoded))
        super().__init__(problem, rng, budget, model, acquisition, start, warm, pool, every)


class ModelGuided(_Guided):
    """Search with a predictor; its uncertainty is its own `predict_std` or the spread of a bootstrap ensemble.

    Args:
        problem: the population to search.
        rng: source of randomness.
        budget: full trainings of the run; a quarter of it is random unless `start` says otherwise.
        predictor: a name for `predictors.make`, or an unfitted predictor; by default LightGBM with a quarter of its
            usual rounds, each four times as large, since it is fitted repeatedly to few architectures.
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


class Bananas(ModelGuided):
    """BANANAS's loop: independent Thompson sampling, five members, refitted every fifth query; LightGBM by default."""

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        predictor: Any = None,
        acquisition: str = "thompson",
        every: int = 5,
        **options: Any,
    ) -> None:
        super().__init__(problem, rng, budget, predictor, acquisition, every=every, **options)


class _ProcessOnRows:
    def __init__(self, rows: Floats) -> None:
        self._rows = rows
        self._process = GaussianProcess(length_scale=float(np.sqrt(rows.shape[1])))

    def beliefs(self, told: NDArray[np.int64], values: Floats, pool: NDArray[np.int64]) -> tuple[Floats, Floats]:
        return self._process.fit(self._rows[told], values).predict(self._rows[pool])


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

    def beliefs(self, told: NDArray[np.int64], values: Floats, pool: NDArray[np.int64]) -> tuple[Floats, Floats]:
        if self._members == 1:
            return self._fitted(told, values, pool)
        drawn = [self._rng.integers(len(values), size=len(values)) for _ in range(self._members)]
        predicted = [self._fitted(told[rows], values[rows], pool)[0] for rows in drawn]
        return np.mean(predicted, axis=0), np.std(predicted, axis=0)

    def _fitted(self, told: NDArray[np.int64], values: Floats, pool: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of one model's scores; 0 if it has none."""
        model = self._fresh()
        if self._encoded is None:
            batch = self._problem.batch
            model.fit(batch[told], values)
            graphs = batch[pool]
            if isinstance(model, Learner):
                return model.beliefs(graphs)
            known = hasattr(model, "predict_std")
            return model.predict(graphs), model.predict_std(graphs) if known else np.zeros(len(pool))
        model.fit_rows(self._encoded.rows, self._encoded.of(told), values)
        beliefs: tuple[Floats, Floats] = model.belief_rows(self._encoded.of(pool))
        return beliefs

    def _fresh(self) -> Any:
        """An unfitted copy, with its own random state if it takes one."""
        from sklearn.base import clone

        model = clone(self._predictor)
        if "random_state" in model.get_params():
            model.set_params(random_state=int(self._rng.integers(2**31)))
        return model


def _by_consensus(problem: Problem) -> NDArray[np.int64]:
    """Candidates by the mean rank of all training-free metrics, best first."""
    matrix = metric_matrix(problem)
    return np.argsort(-matrix.mean(axis=1), kind="stable")


def _encoded(problem: Problem) -> Floats:
    """One standardised row per candidate: operations and edges one-hot, and the metrics' ranks, float64[n, d].

    Fitted on the whole population, since only targets have to be paid for.
    """
    from predictors.encodings import OneHot

    graphs = OneHot().fit(problem.batch).transform(problem.batch)
    rows = np.concatenate([graphs, metric_matrix(problem)], axis=1) if problem.columns else graphs
    spread = rows.std(axis=0)
    return np.asarray((rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


__all__ = ["Bananas", "GaussianProcessSearch", "ModelGuided"]
