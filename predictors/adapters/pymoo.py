"""A problem for pymoo: predicted quality against predicted or known costs, with one choice per position.

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
        choices: number of options at each of the d positions; an architecture is d numbers from 0 to choices - 1.
        describe: converts int64[n, d] to an ArchBatch, or to graphs or texts that the predictors accept.
        maximise: objectives for which larger is better: fitted predictors, or functions from the output of `describe`
            to float64[n].
        minimise: objectives for which smaller is better, such as latency; given in the same way.

    Raises:
        ValueError: if there are no objectives or a position has no options; while searching, if the values of an
            objective have the wrong shape or are not finite.
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
            raise ValueError("no objectives; pass fitted predictors or functions as maximise or minimise")
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
        # Operators for real numbers produce fractions unless a repair step rounds them.
        archs = self.describe(np.rint(np.asarray(x)).astype(np.int64))
        out["F"] = np.column_stack([sign * _values(objective, archs) for sign, objective in self.signed])


class AnotherChoice(Mutation):  # type: ignore[misc, unused-ignore]
    """Switches each position of a `PredictedObjectives` to a different option with probability 1 / d.

    Options have no order, so the steps up and down taken by pymoo's integer mutations would be meaningless.
    """

    def _do(self, problem: Any, X: Any, *args: Any, random_state: Any = None, **kwargs: Any) -> Any:
        choices = np.array(problem.choices)
        drawn = random_state.random(X.shape) < 1 / X.shape[1]
        steps = 1 + np.floor(random_state.random(X.shape) * np.maximum(choices - 1, 1)).astype(int)
        return np.where(drawn & (choices > 1), (X + steps) % choices, X)


def _values(objective: Objective, archs: Architectures) -> NDArray[np.float64]:
    predict: Any = getattr(objective, "predict", objective)
    name = getattr(objective, "__name__", type(objective).__name__)
    values = as_floats(predict(archs), f"the output of objective {name}")
    if values.shape != (len(archs),):
        raise ValueError(f"objective {name} returned shape {values.shape} for {len(archs)} architectures")
    if not np.isfinite(values).all():
        raise ValueError(f"objective {name} is not finite for {int((~np.isfinite(values)).sum())} architectures")
    return values
