"""The front of accuracy and FLOPs of a trained supernet, found with predictors instead of estimating everything.

Sarah et al., "InstaTune", ICCV 2023 workshops, section 3.3: NSGA-II on the values of light predictors proposes what to
estimate next, and the predictors learn from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictors import make
from predictors.arch import ArchGraph
from proxybench.oneshot.one_shot import OneShot
from proxybench.search.core.pareto import hypervolume, non_dominated, run_pareto
from proxybench.search.core.problem import Floats, InvalidProblem, Problem
from proxybench.search.searchers.nsga2 import NSGA2

GENERATIONS = 20  # of NSGA-II between two rounds of estimates


@dataclass(frozen=True)
class ElasticFront:
    """Architectures that were estimated, in order.

    Attributes:
        archs: texts of the architectures.
        accuracy: with the weights of the supernet, in percent of the validation images, float64[k].
        flops: multiply-accumulates of an image, in millions, float64[k].
        front: mask of those that no other one exceeds in both, bool[k].
    """

    archs: tuple[str, ...]
    accuracy: Floats
    flops: Floats
    front: NDArray[np.bool_]

    def frame(self) -> pd.DataFrame:
        """The front as a table with the columns arch, accuracy and flops, from the smallest to the largest."""
        columns = {"arch": list(self.archs), "accuracy": self.accuracy, "flops": self.flops}
        return pd.DataFrame(columns)[self.front].sort_values("flops", ignore_index=True)

    def hypervolume(self, accuracy: float, flops: float) -> float:
        """The area above this accuracy and below these FLOPs that the front covers."""
        return hypervolume(np.column_stack([self.accuracy, -self.flops]), np.array([accuracy, -flops]))


def elastic_front(
    shot: OneShot,
    budget: int,
    seed: int = 0,
    *,
    rounds: int = 4,
    pool: int = 2000,
    predictor: str = "ridge",
    on_round: Callable[[int, int], None] = lambda done, total: None,
) -> ElasticFront:
    """Estimate architectures of a trained supernet near the front of accuracy and FLOPs.

    A quarter of the budget is drawn at random. In each round, predictors of accuracy and FLOPs learn from all that is
    known, NSGA-II searches the pool with their values, and the best of what it visited, front by front, is estimated.

    Args:
        shot: after `fit`, with a method whose weights serve as they are, such as instatune.
        budget: number of architectures to estimate.
        seed: of the pool and of the search.
        rounds: number of rounds; 0 estimates the whole budget at random.
        pool: architectures of the space that are drawn as candidates.
        predictor: name of the predictors.
        on_round: called after every round with the number of estimates and their total.

    Raises:
        InvalidProblem: unless 8 <= budget <= pool.
        ProxybenchError: before `fit`, or if pymoo is not installed.
    """
    if not 8 <= budget <= pool or rounds < 0:
        raise InvalidProblem(
            f"budget must be 8 to the {pool} of the pool, and rounds 0 or more, not {budget}, {rounds}"
        )
    rng = np.random.default_rng(seed)
    archs = shot.space.sample(pool, seed)
    problem = Problem(shot.space, archs, {1: np.zeros(pool)}, key=shot.space.format)
    known = rng.choice(pool, budget if rounds == 0 else max(4, budget // 4), replace=False).tolist()
    points = _measured(shot, archs, known)
    for number in range(rounds):
        size = (budget - len(known)) // (rounds - number)
        predicted = _predicted(problem, known, points, predictor, seed)
        proposed = _proposed(problem, predicted, set(known), size, rng)
        points = np.concatenate([points, _measured(shot, archs, proposed)])
        known += proposed
        on_round(len(known), budget)
    texts = tuple(shot.space.format(archs[row]) for row in known)
    return ElasticFront(texts, points[:, 0], -points[:, 1], non_dominated(points))


def _measured(shot: OneShot, archs: Sequence[ArchGraph], rows: Sequence[int]) -> Floats:
    """Accuracy in percent and negative FLOPs in millions of architectures, float64[k, 2]."""
    chosen = [archs[row] for row in rows]
    return np.column_stack([shot.estimate(chosen), [-flops for flops in shot.flops(chosen)]])


def _predicted(problem: Problem, known: Sequence[int], points: Floats, predictor: str, seed: int) -> Floats:
    """Both values of all candidates, float64[n, 2], those of known ones as they are."""
    rows = list(known)
    columns = [make(predictor, random_state=seed).fit(problem.batch[rows], values) for values in points.T]
    predicted = np.column_stack([model.predict(problem.batch) for model in columns])
    predicted[rows] = points
    return predicted


def _proposed(problem: Problem, predicted: Floats, known: set[int], size: int, rng: np.random.Generator) -> list[int]:
    """New candidates from the fronts of what NSGA-II visits, then from all others at random."""
    population = max(20, size)
    searcher = NSGA2(problem, rng, population, population=min(population, len(problem)))
    visited = run_pareto(searcher, problem, predicted, min(population * GENERATIONS, len(problem))).candidates
    left = [row for row in visited.tolist() if row not in known]
    proposed: list[int] = []
    while left and len(proposed) < size:
        best = non_dominated(predicted[left])
        proposed += [row for row, chosen in zip(left, best, strict=True) if chosen][: size - len(proposed)]
        left = [row for row, chosen in zip(left, best, strict=True) if not chosen]
    others = [row for row in rng.permutation(len(problem)).tolist() if row not in known and row not in proposed]
    return proposed + others[: size - len(proposed)]
