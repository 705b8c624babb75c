"""RoBoT: find weights of training-free metrics whose ranking starts well, then follow that ranking.

He, Shu, Dai, Low: Robustifying and Boosting Training-Free Neural Architecture Search, ICLR 2024, algorithm 1. One
evaluation of a weight vector is the objective of the architecture that it ranks first. `RoBoT` differs from the
published algorithm, `robot_paper.PaperRoBoT`, where that made it reliable on the tables measured (see the class).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from predictors.errors import unknown_name
from proxybench.search.core.base import Query, checked_answer
from proxybench.search.core.metrics import metric_matrix, metric_names
from proxybench.search.core.problem import Floats, InvalidProblem, Problem
from proxybench.search.parts.acquisition import upper_confidence
from proxybench.search.parts.fitted_weights import FittedWeights
from proxybench.search.parts.gaussian_process import GaussianProcess

PROPOSALS = ("bo", "random", "single", "mixed")
SIGNS = ("both", "positive")
EXPLORED, MOST_EXPLORED = 0.3, 12  # maximum share of the budget, and number of queries, spent on exploration
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

    Source: He, Shu, Dai and Low, "Robustifying and Boosting Training-Free Neural Architecture Search", ICLR 2024,
    algorithm 1, from which this differs as described; `PaperRoBoT` is the published algorithm.

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

    needs_metrics: ClassVar = True

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
        self._answered: dict[int, float] = {}

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
        values = np.array(list(self._answered.values()))
        if self._fit is None or self.paid is None or values.min() == values.max():
            return np.asarray(self._matrix @ self.best_weights)
        return self._fit.scores(np.array(list(self._answered)), values)

    def ask(self) -> Query | None:
        while self._left and len(self._answered) < self._explore:
            self._left -= 1
            self._weights.append(self._propose())
            candidate = int(np.argmax(self._matrix @ self._weights[-1]))
            if candidate not in self._answered:
                return Query(candidate)
            self._worth.append(self._answered[candidate])
        if self.paid is None:
            self.paid = len(self._answered)
        return self._exploit()

    def tell(self, query: Query, value: float) -> None:
        self._answered[query.candidate] = value = checked_answer(value)
        if len(self._worth) < len(self._weights):
            self._worth.append(value)

    def _exploit(self) -> Query | None:
        """The best unqueried candidate by the robust metric, every other time among the neighbours of the best."""
        if len(self._answered) == len(self._problem):
            return None
        scores = self.scores
        near = self._near_the_best() if self._climb and (len(self._answered) - (self.paid or 0)) % 2 == 0 else []
        if near:
            return Query(near[int(np.argmax(scores[near]))])
        scores[list(self._answered)] = -np.inf
        return Query(int(np.argmax(scores)))

    def _near_the_best(self) -> list[int]:
        best = max(self._answered, key=lambda candidate: self._answered[candidate])
        return sorted(other for other in self._problem.neighbours(best) if other not in self._answered)

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
