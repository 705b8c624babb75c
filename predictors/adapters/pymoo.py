"""A problem for pymoo: predicted quality against predicted or known costs, over one choice for each position.

problem = PredictedObjectives([5] * 6, describe, maximise=[accuracy], minimise=[latency])
algorithm = NSGA2(40, sampling=IntegerRandomSampling(), crossover=UX(), mutation=AnotherChoice())
front = minimize(problem, algorithm, ("n_gen", 30), seed=1).X  # int64[k, 6]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymoo.core.mutation import Mutation
from pymoo.core.problem import Problem

from predictors.base import Architectures
from predictors.inputs import as_floats

Objective = Any  # a fitted predictor, or a function of architectures


class PredictedObjectives(Problem):  # type: ignore[misc, unused-ignore]
    """Architectures as int64[n, d] with several objectives; pymoo minimises them all.

    Args:
        choices: how many options each of the d positions has; an architecture is d numbers, from 0 to choices - 1.
        describe: int64[n, d] to an ArchBatch, or to graphs or texts that the predictors take.
        maximise: objectives that are larger better: fitted predictors, or functions of what `describe` gives, which
            give float64[n].
        minimise: those that are smaller better, such as a latency.

    Raises:
        ValueError: without objectives, or for a position without options; while searching, where an objective has
            another shape or is not finite.
    """

    def __init__(
        self,
        choices: Sequence[int],
        describe: Callable[[NDArray[np.int64]], Architectures],
        *,
        maximise: Sequence[Objective] = (),
        minimise: Sequence[Objective] = (),
    ) -> None:
        if not maximise and not minimise:
            raise ValueError("there is no objective; give fitted predictors or functions to maximise or minimise")
        if not len(choices) or min(choices) < 1:
            raise ValueError(f"choices are {list(choices)}; every position needs at least one option")
        self.choices = tuple(choices)
        self.describe = describe
        self.signed = [*((-1.0, one) for one in maximise), *((1.0, one) for one in minimise)]
        super().__init__(
            n_var=len(self.choices),
            n_obj=len(self.signed),
            xl=np.zeros(len(self.choices), dtype=int),
            xu=np.array(self.choices) - 1,
            vtype=int,
        )

    def _evaluate(self, x: ArrayLike, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        # Operators for real numbers leave fractions behind unless they are repaired.
        archs = self.describe(np.rint(np.asarray(x)).astype(np.int64))
        out["F"] = np.column_stack([sign * _values(objective, archs) for sign, objective in self.signed])


class AnotherChoice(Mutation):  # type: ignore[misc, unused-ignore]
    """Each position of a `PredictedObjectives` gets another option with the probability of 1 / d.

    Options have no order, so that steps up and down, as pymoo's mutations of integers take, mean nothing.
    """

    def _do(self, problem: Any, X: Any, *args: Any, random_state: Any = None, **kwargs: Any) -> Any:
        choices = np.array(problem.choices)
        drawn = random_state.random(X.shape) < 1 / X.shape[1]
        steps = 1 + np.floor(random_state.random(X.shape) * np.maximum(choices - 1, 1)).astype(int)
        return np.where(drawn & (choices > 1), (X + steps) % choices, X)


def _values(objective: Objective, archs: Architectures) -> NDArray[np.float64]:
    predict: Any = getattr(objective, "predict", objective)
    name = getattr(objective, "__name__", type(objective).__name__)
    values = as_floats(predict(archs), f"what objective {name} gives")
    if values.shape != (len(archs),):
        raise ValueError(f"objective {name} gives shape {values.shape} for {len(archs)} architectures")
    if not np.isfinite(values).all():
        raise ValueError(f"objective {name} is not finite for {int((~np.isfinite(values)).sum())} architectures")
    return values
