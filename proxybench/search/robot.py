"""RoBoT: find weights of training-free metrics whose ranking starts well, then follow that ranking.

He, Shu, Dai, Low: Robustifying and Boosting Training-Free Neural Architecture Search, ICLR 2024, algorithm 1. One
evaluation of a weight vector is the objective of the architecture that it ranks first. `PaperRoBoT` is the published
algorithm; `RoBoT` differs in what made it reliable on the tables measured (see the class).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from predictors.errors import unknown_name
from proxybench.search.acquisition import upper_confidence
from proxybench.search.base import Query, told_value
from proxybench.search.fitted_weights import FittedWeights
from proxybench.search.gaussian_process import GaussianProcess
from proxybench.search.metrics import metric_matrix, metric_names
from proxybench.search.problem import Floats, InvalidProblem, Problem

PROPOSALS = ("bo", "random", "single", "mixed")
SIGNS = ("both", "positive")
EXPLORED, MOST_EXPLORED = 0.3, 12  # maximum share of the budget, and number of queries, spent on exploration
PAPER: dict[str, Any] = {"scale": "minmax", "missing": "skip", "proposals": "bo", "refit": False, "climb": False}
DRAWS = 500  # weight vectors from which the acquisition function chooses
NEARBY = 50  # those close to the best so far


class RoBoT:
    """Exploration of weights, then exploitation of the resulting ranking.

    Unlike in the paper, exploration proposes weights at random and stops after a few queries. Then the weights are
    fitted, after each answer, to all answers (`FittedWeights`), and the top of the ranking and the neighbours of the
    best architecture so far take turns. A fit uses each answer for every weight, whereas an evaluation in the paper is
    the value of one architecture, which says little about the rest of a ranking; random weights, good and bad, make
    the training data diverse; neighbours protect against metrics that all rank badly at the top.

    Exploration proposes budget - 1 weight vectors. One whose first architecture is already known costs no query, so
    the number T0 of queries paid for in exploration is often below its limit. Of weight vectors with equal values the
    later one is kept, as in the paper's code; architectures with equal scores are in index order.

    Args:
        problem: the population to search.
        rng: source of randomness.
        budget: full trainings of the run, the paper's T.
        metrics: names; by default all from `metric_names`.
        scale: normalisation, "minmax", "rank" or "signed_log".
        missing: rule for missing values, "middle" or "skip".
        proposals: how weights are proposed: "bo" for Bayesian optimisation with upper confidence bounds, "random",
            "single" for one metric after the other in random order, "mixed" for single ones and then random.
        signs: range of proposed weights: "both" for [-1, 1], "positive" for [0, 1], which assumes that larger is
            better for each metric.
        explore: maximum number T0 of exploration queries; by default three tenths of the budget, at most 12.
        refit: whether the weights are fitted to all answers; False keeps the best of those proposed.
        operations: whether the counts of operations are used as metrics too when weights are fitted.
        climb: whether neighbours of the best architecture take turns with the ranking.

    Attributes:
        names: names of the metrics.
        paid: T0, queries paid for in exploration; None during exploration.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        metrics: Sequence[str] | None = None,
        scale: str = "rank",
        missing: str = "middle",
        proposals: str = "random",
        signs: str = "both",
        explore: int | None = None,
        refit: bool = True,
        operations: bool = True,
        climb: bool = True,
    ) -> None:
        if proposals not in PROPOSALS:
            raise unknown_name("way to propose weights", proposals, PROPOSALS)
        if signs not in SIGNS:
            raise unknown_name("range of weights", signs, SIGNS)
        count = min(MOST_EXPLORED, max(1, int(EXPLORED * budget))) if explore is None else explore
        if not 1 <= count <= max(1, budget):
            raise InvalidProblem(f"explore is {explore}; it must be between 1 and the budget {budget:g}")
        self.names = metric_names(problem, metrics)
        self.paid: int | None = None
        self._problem = problem
        self._matrix = metric_matrix(problem, metrics, scale, missing)
        self._fit = FittedWeights(problem, metrics, scale, missing, operations) if refit else None
        self._rng = rng
        self._low = -1.0 if signs == "both" else 0.0
        self._proposals = proposals
        self._order = rng.permutation(len(self.names))
        self._explore = count
        self._left = len(self.names) if proposals == "single" else max(1, int(budget) - 1)
        self._climb = climb
        self._process = GaussianProcess(length_scale=(1.0 - self._low) * len(self.names) ** 0.5 / 2)
        self._weights: list[Floats] = []
        self._worth: list[float] = []
        self._told: dict[int, float] = {}

    @property
    def weights(self) -> Floats:
        """The weight vectors proposed so far, float64[k, m]."""
        return np.array(self._weights).reshape(-1, len(self.names))

    @property
    def worth(self) -> Floats:
        """The value of each weight vector, float64[k]: the objective of the architecture it ranks first."""
        return np.array(self._worth)

    @property
    def best_weights(self) -> Floats:
        """The best weights, float64[m]; among equals the latest."""
        return self._weights[max(range(len(self._worth)), key=lambda place: (self._worth[place], place))]

    @property
    def scores(self) -> Floats:
        """The robust metric of every candidate, float64[n]: fitted, or with the best weights while there is no fit."""
        values = np.array(list(self._told.values()))
        if self._fit is None or self.paid is None or values.min() == values.max():
            return np.asarray(self._matrix @ self.best_weights)
        return self._fit.scores(np.array(list(self._told)), values)

    def ask(self) -> Query | None:
        while self._left and len(self._told) < self._explore:
            self._left -= 1
            self._weights.append(self._propose())
            candidate = int(np.argmax(self._matrix @ self._weights[-1]))
            if candidate not in self._told:
                return Query(candidate)
            self._worth.append(self._told[candidate])
        if self.paid is None:
            self.paid = len(self._told)
        return self._exploit()

    def tell(self, query: Query, value: float) -> None:
        self._told[query.candidate] = value = told_value(value)
        if len(self._worth) < len(self._weights):
            self._worth.append(value)

    def _exploit(self) -> Query | None:
        """The best unasked candidate by the robust metric; every other time among the neighbours of the best so far."""
        if len(self._told) == len(self._problem):
            return None
        scores = self.scores
        near = self._near_the_best() if self._climb and (len(self._told) - (self.paid or 0)) % 2 == 0 else []
        if near:
            return Query(near[int(np.argmax(scores[near]))])
        scores[list(self._told)] = -np.inf
        return Query(int(np.argmax(scores)))

    def _near_the_best(self) -> list[int]:
        best = max(self._told, key=lambda candidate: self._told[candidate])
        return sorted(other for other in self._problem.neighbours(best) if other not in self._told)

    def _propose(self) -> Floats:
        tried = len(self._weights)
        if self._proposals in ("single", "mixed") and tried < len(self.names):
            return np.asarray(np.eye(len(self.names))[self._order[tried]])
        if self._proposals == "bo" and tried:
            return self._by_model()
        return self._rng.uniform(self._low, 1.0, len(self.names))

    def _by_model(self) -> Floats:
        """The weights, among many random draws, with the largest upper confidence bound of a Gaussian process."""
        width = 1.0 - self._low
        draws = self._rng.uniform(self._low, 1.0, (DRAWS, len(self.names)))
        near = self.best_weights + self._rng.normal(0.0, 0.1 * width, (NEARBY, len(self.names)))
        draws[:NEARBY] = np.clip(near, self._low, 1.0)
        mean, std = self._process.fit(self.weights, self.worth).predict(draws)
        return np.asarray(draws[np.argmax(upper_confidence(mean, std, self._worth[-1], self._rng))])


class PaperRoBoT(RoBoT):
    """RoBoT as published: weight vectors by Bayesian optimisation, then the best ranking from its top.

    Min-max normalisation, omitted terms for missing values, weights in [-1, 1]; all are options as in RoBoT.
    Exploration may pay for the whole budget.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        metrics: Sequence[str] | None = None,
        explore: int | None = None,
        **options: Any,
    ) -> None:
        count = max(1, int(budget)) if explore is None else explore
        super().__init__(problem, rng, budget, metrics, explore=count, **(PAPER | options))
