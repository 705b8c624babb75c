"""NSGA-II of pymoo on the candidates of a table: accuracy against latency, energy or any other measured cost.

Deb, Pratap, Agarwal, Meyarivan: A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, 2002.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.errors import how_to_install
from predictors.inputs import as_vector
from proxybench.errors import ProxybenchError
from proxybench.search.core.base import Query, checked_answer
from proxybench.search.core.problem import Floats, InvalidProblem, Problem
from proxybench.search.parts.choices import node_choices


class NSGA2:
    """Selection and survival from pymoo, with our own crossover and mutation.

    Crossover takes each node's operation and inputs from one of the parents; if the result is not in the population,
    the child is the first parent. Mutation replaces a child with one of its neighbours, or with a random candidate if
    it has none in the population. The search ends with a generation that offers nothing new.

    Args:
        problem: the population to search.
        rng: source of randomness; the global state is not touched.
        budget: full trainings of the run; the default size follows from it.
        population: a quarter of the budget by default, at least 4.
        objectives: number of values per answer.

    Raises:
        ProxybenchError: if pymoo is not installed.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        population: int | None = None,
        objectives: int = 2,
    ) -> None:
        size = max(4, int(budget) // 4) if population is None else population
        if not 2 <= size <= len(problem):
            raise InvalidProblem(f"population is {size}; it must be between 2 and the {len(problem)} candidates")
        self._algorithm = _algorithm(problem, size, objectives, int(rng.integers(2**31)))
        self._objectives = objectives
        self._asked: Any = None
        self._answers: list[Floats] = []

    def ask(self) -> Query | None:
        if self._asked is None or len(self._answers) == len(self._asked):
            self._next_generation()
        if self._asked is None or not len(self._asked):
            return None
        return Query(int(self._asked[len(self._answers)].X[0]))

    def tell(self, query: Query, values: Floats) -> None:
        answer = as_vector(values, "the answer to a query")
        if len(answer) != self._objectives:
            raise InvalidProblem(f"NSGA2 was created for {self._objectives} objectives but got {len(answer)}")
        self._answers.append(-np.array([checked_answer(one) for one in answer]))  # pymoo minimises

    def _next_generation(self) -> None:
        if self._asked is not None and len(self._asked):
            self._asked.set("F", np.array(self._answers))
            self._algorithm.tell(infills=self._asked)
        self._asked = self._algorithm.ask()
        self._answers = []


def _algorithm(problem: Problem, size: int, objectives: int, seed: int) -> Any:
    try:
        from pymoo.algorithms.moo import nsga2
        from pymoo.core.crossover import Crossover
        from pymoo.core.mutation import Mutation
        from pymoo.core.problem import Problem as PymooProblem
        from pymoo.core.sampling import Sampling
        from pymoo.termination import get_termination
    except ImportError as error:
        raise ProxybenchError(f"NSGA-II needs pymoo; {how_to_install('search')}") from error

    class Draw(Sampling):  # type: ignore[misc, unused-ignore]
        def _do(self, _: Any, n_samples: int, *args: Any, random_state: Any = None, **kwargs: Any) -> Any:
            return random_state.choice(len(problem), n_samples, replace=False)[:, None]

    class Mix(Crossover):  # type: ignore[misc, unused-ignore]
        def _do(self, _: Any, X: Any, *args: Any, random_state: Any = None, **kwargs: Any) -> Any:
            return np.array([[[_child(problem, int(a), int(b), random_state)] for a, b in X[:, :, 0].T]])

    class Neighbour(Mutation):  # type: ignore[misc, unused-ignore]
        def _do(self, _: Any, X: Any, *args: Any, random_state: Any = None, **kwargs: Any) -> Any:
            return np.array([[_mutant(problem, int(x), random_state)] for x in X[:, 0]])

    algorithm = nsga2.NSGA2(size, sampling=Draw(), crossover=Mix(2, 1), mutation=Neighbour())
    described = PymooProblem(n_var=1, n_obj=objectives, xl=0, xu=len(problem) - 1, vtype=int)
    algorithm.setup(described, termination=get_termination("n_gen", 10**9), seed=seed, verbose=False)
    return algorithm


def _child(problem: Problem, first: int, second: int, rng: np.random.Generator) -> int:
    table, candidates = problem.cached(_places)
    taken = np.where(rng.random(table.shape[1]) < 0.5, table[first], table[second])
    return candidates.get(taken.tobytes(), first)


def _mutant(problem: Problem, candidate: int, rng: np.random.Generator) -> int:
    near = problem.neighbours(candidate)
    return int(rng.choice(near)) if near else int(rng.integers(len(problem)))


def _places(problem: Problem) -> tuple[NDArray[np.int64], dict[bytes, int]]:
    table = node_choices(problem)
    return table, {row.tobytes(): candidate for candidate, row in enumerate(table)}
