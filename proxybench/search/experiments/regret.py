"""The distance of a search from the optimum: precision at T, ranks and regrets, as in RoBoT's analysis.

He, Shu, Dai, Low (RoBoT), ICLR 2024. Ranks count from 1; a candidate's rank is one more than the number of
candidates that are strictly better, so that candidates with equal values share the better rank.
"""

from __future__ import annotations

import numpy as np

from proxybench.search.core.history import History
from proxybench.search.core.problem import Floats, InvalidProblem, Problem
from proxybench.search.searchers.robot import RoBoT


def precision_at(scores: Floats, values: Floats, top: int) -> float:
    """|{A: R_M(A) <= T and R_f(A) <= T}| / T: the share of the metric's top T that are among the best T.

    Args:
        scores: the metric M, float64[n], larger better.
        values: the performance f, float64[n], larger better.
        top: T, from 1 to n.

    Ties are cut in index order, so that both sets have T members. Raises InvalidProblem for another T.
    """
    if not 1 <= top <= len(values):
        raise InvalidProblem(f"precision at {top} of {len(values)} candidates; it must be between 1 and their number")
    first = np.argsort(-scores, kind="stable")[:top]
    best = np.argsort(-values, kind="stable")[:top]
    return len(np.intersect1d(first, best)) / top


def expected_rank(precision: float, top: int) -> float:
    """Expected rank of the best of a metric's top T, (T + 1) / (precision T + 1).

    This is the smallest of `precision * T` numbers drawn without replacement from 1 to T, assuming that the hits
    are randomly distributed among the best T.
    """
    return (top + 1) / (precision * top + 1)


def rank_of(candidate: int, values: Floats) -> int:
    """The rank of a candidate by `values`, larger is better."""
    return int((values > values[candidate]).sum()) + 1


def regrets(history: History, problem: Problem) -> dict[str, float]:
    """Regrets of a search, in units of the objective.

    Returns:
        `simple_regret`, the optimum minus the value of the architecture returned; `mean_regret`, the optimum minus the
        value of a query, averaged over the full trainings. The optimum is that of the population.
    """
    optimum = float(problem.values.max())
    full = history.values[history.epochs == problem.full]
    return {
        "simple_regret": optimum - float(problem.values[history.best]),
        "mean_regret": optimum - float(full.mean()) if len(full) else float("nan"),
    }


def robot_findings(searcher: RoBoT, problem: Problem, budget: int) -> dict[str, float]:
    """The quantities of RoBoT's analysis, after a run.

    Returns:
        `explored`, T0; `precision_at_T` of the robust metric found, with T the budget; `weight_regret`, the optimum of
        the population minus the value of a weight vector, averaged over exploration. The paper's regret is relative to
        the best weights, which are unknown; this one is larger by a constant.
    """
    return {
        "explored": float(searcher.paid if searcher.paid is not None else len(searcher.worth)),
        "precision_at_T": precision_at(searcher.scores, problem.values, min(budget, len(problem))),
        "weight_regret": float(problem.values.max() - searcher.worth.mean()),
    }
