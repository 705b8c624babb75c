"""The training-free metrics of a problem as one matrix of numbers in [0, 1], and the selection a search uses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictors.errors import unknown_name
from predictors.robust import Normaliser
from proxybench.search.core.problem import Floats, InvalidProblem, Problem

MEASURED = 0.5  # share of the population for which a metric must have a value to be used by default


def metric_names(problem: Problem, wanted: Sequence[str] | None = None) -> list[str]:
    """Column names of the metrics that a search uses.

    Args:
        problem: the problem with the columns.
        wanted: names with or without "proxy:" and "cost:"; None for all with finite values for at least half of the
            population, and more than one distinct value.

    Raises:
        UnknownName: if the problem does not have a name.
        InvalidProblem: if there is no metric.
    """
    if wanted is None:
        names = [name for name, values in problem.columns.items() if _usable(values)]
    else:
        names = [_find(problem, name) for name in wanted]
    if not names:
        raise InvalidProblem(f"{problem.name} has no training-free metric for at least half of its architectures")
    return names


def metric_matrix(
    problem: Problem, wanted: Sequence[str] | None = None, scale: str = "rank", missing: str = "middle"
) -> Floats:
    """Normalised metrics of all candidates, float64[n, m], without NaN; the population is its own reference.

    Arguments and errors as in `metric_names` and `predictors.robust.Normaliser`.
    """
    return problem.cached(_matrix, tuple(metric_names(problem, wanted)), scale, missing)


def _matrix(problem: Problem, names: tuple[str, ...], scale: str, missing: str) -> Floats:
    raw = np.column_stack([problem.columns[name] for name in names])
    matrix = Normaliser(scale, missing).fit(raw).transform(raw)
    matrix.flags.writeable = False
    return matrix


def _usable(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    return len(finite) >= MEASURED * len(values) and bool(finite.min() < finite.max())


def _find(problem: Problem, name: str) -> str:
    found = next((full for full in (name, f"proxy:{name}", f"cost:{name}") if full in problem.columns), None)
    if found is None:
        short = [full.partition(":")[2] for full in problem.columns]
        raise unknown_name("metric", name, short, f"of {problem.name}")
    return found
