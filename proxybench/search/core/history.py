"""Runs a searcher on a problem: pays for its queries from a budget, and records their history.

Repeating an answered query is free. The budget counts full trainings; a training with fewer epochs costs its share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from proxybench.search.core.base import Query, Searcher
from proxybench.search.core.problem import Floats, InvalidProblem, Problem

STALLED = 10_000  # repeated queries in a row, after which the search ends
_ROUNDING = 1e-9
Ending = Literal["budget", "exhausted", "stalled"]


@dataclass(frozen=True)
class History:
    """The paid queries of a search, in order: k distinct queries.

    Attributes:
        candidates: int64[k].
        epochs: int64[k], of each training.
        values: float64[k], the answers, larger is better.
        cost: float64[k], full trainings paid so far.
        seconds: float64[k], training seconds so far; None if the table does not record them for every query.
        ended: "budget" if the next query would have exceeded it, "exhausted" if the searcher had no more
            queries, "stalled" if it kept repeating queries.
    """

    candidates: NDArray[np.int64]
    epochs: NDArray[np.int64]
    values: Floats
    cost: Floats
    seconds: Floats | None
    ended: Ending

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def queries(self) -> int:
        """The number of distinct architectures trained, at any epochs."""
        return len(np.unique(self.candidates))

    @property
    def incumbents(self) -> NDArray[np.int64]:
        """The index of the best query so far, int64[k]: longest training first, then largest value, then earliest."""
        best, found = 0, []
        for place in range(len(self)):
            if (self.epochs[place], self.values[place]) > (self.epochs[best], self.values[best]):
                best = place
            found.append(best)
        return np.array(found, dtype=np.int64)

    @property
    def best(self) -> int:
        """The candidate that the search returns. Raises InvalidProblem if no query was paid for."""
        if not len(self):
            raise InvalidProblem("the search made no query, since its budget does not pay for one; increase the budget")
        return int(self.candidates[self.incumbents[-1]])


def run(
    searcher: Searcher, problem: Problem, budget: float, on_query: Callable[[Query, float], None] | None = None
) -> History:
    """Ask and tell until the budget is spent.

    Args:
        searcher: from `make_searcher`, or your own.
        problem: answers the queries.
        budget: full trainings to pay for; with a single fidelity this is the number of distinct architectures.
        on_query: called with each paid query and its answer.

    Raises:
        InvalidProblem: if the searcher asks for a candidate or epochs that the problem does not have.
    """
    paid: dict[Query, float] = {}
    costs: list[float] = []
    spent, repeats, ended = 0.0, 0, "budget"
    while spent + _ROUNDING < budget:  # computing a query beyond the budget may take a fit of a model
        query = searcher.ask()
        if query is None or repeats > STALLED:
            ended = "exhausted" if query is None else "stalled"
            break
        query = Query(int(query.candidate), problem.full if query.epochs is None else query.epochs)
        if query in paid:
            repeats += 1
        else:
            if spent + problem.cost(query) > budget + _ROUNDING:
                break
            repeats = 0
            spent += problem.cost(query)
            costs.append(spent)
            paid[query] = problem.answer(query)
            if on_query is not None:
                on_query(query, paid[query])
        searcher.tell(query, paid[query])
    return _history(problem, paid, costs, ended)  # type: ignore[arg-type]


def _history(problem: Problem, paid: dict[Query, float], costs: list[float], ended: Ending) -> History:
    seconds = [problem.training_seconds(query) for query in paid]
    recorded = [one for one in seconds if one is not None]
    return History(
        candidates=np.array([query.candidate for query in paid], dtype=np.int64),
        epochs=np.array([query.epochs for query in paid], dtype=np.int64),
        values=np.array(list(paid.values()), dtype=np.float64),
        cost=np.array(costs, dtype=np.float64),
        seconds=np.cumsum(recorded) if len(recorded) == len(seconds) else None,
        ended=ended,
    )
