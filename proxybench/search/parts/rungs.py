"""The epochs of a table as rungs of successive halving."""

from __future__ import annotations

from proxybench.search.core.problem import InvalidProblem, Problem


def rungs_of(problem: Problem) -> tuple[int, ...]:
    """The epochs at which the problem has answers, ascending.

    Raises:
        InvalidProblem: if the objective needs no training.
    """
    if problem.levels[0] < 1:
        raise InvalidProblem(f"{problem.name}: an objective that needs no training has no epochs to save")
    return problem.levels
