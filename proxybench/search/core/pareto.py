"""Search with several objectives: non-dominated points, their hypervolume, and runs that measure it.

Larger is better for all objectives; latency and energy are negated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from proxybench.grammar import Quantity
from proxybench.search.core.base import Query
from proxybench.search.core.history import STALLED
from proxybench.search.core.problem import Floats, InvalidProblem, Problem
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.quantities import signed_values


class ParetoSearcher(Protocol):
    """Like Searcher, but answers are float64[m], one value per objective."""

    def ask(self) -> Query | None:
        """The next query; None when the searcher has no more."""
        ...

    def tell(self, query: Query, values: Floats, /) -> None:
        """Report the objectives of the query, float64[m], larger is better."""
        ...


def objectives(bench: Benchmark, problem: Problem, dataset: str, quantities: Sequence[str]) -> Floats:
    """The problem's objective and further quantities of its candidates, float64[n, m], larger is better.

    Args:
        bench: the table that the problem was made from.
        problem: made with `where` naming the quantities that are not measured everywhere.
        dataset: data set for quantities that do not name one.
        quantities: for example "latency_ms@edgegpu" or "energy_mj@eyeriss".

    Raises:
        InvalidProblem: if a candidate lacks one of them.
        UnknownName: if the table does not have a quantity.
    """
    further = [signed_values(bench, Quantity.parse(text), dataset)[problem.rows] for text in quantities]
    points = np.column_stack([problem.values, *further])
    if not np.isfinite(points).all():
        raise InvalidProblem(f"{problem.name}: not all candidates have {', '.join(quantities)}; name them in `where`")
    return points


def non_dominated(points: Floats) -> NDArray[np.bool_]:
    """Mask of the points that no other point dominates (at least as good in all objectives, better in one), bool[k].

    Args:
        points: float64[k, m], larger is better. Equal points are all kept.
    """
    at_least = (points[:, None, :] >= points[None, :, :]).all(axis=2)
    better = (points[:, None, :] > points[None, :, :]).any(axis=2)
    return np.asarray(~(at_least & better).any(axis=0))


def hypervolume(points: Floats, reference: Floats) -> float:
    """The area that two objectives dominate above a reference point (Zitzler and Thiele, 1998).

    Args:
        points: float64[k, 2], larger is better; those not above the reference in both are ignored.
        reference: float64[2].

    Raises:
        InvalidProblem: if there are not two objectives.
    """
    if points.shape[1:] != (2,):
        raise InvalidProblem(f"hypervolume needs two objectives, got shape {points.shape}")
    gains = points - reference
    gains = gains[(gains > 0).all(axis=1)]
    area, height = 0.0, 0.0
    for width, tall in gains[np.lexsort((-gains[:, 1], -gains[:, 0]))].tolist():
        area += width * max(0.0, tall - height)
        height = max(height, tall)
    return area


@dataclass(frozen=True)
class ParetoHistory:
    """The paid queries of a search with several objectives, in order: k distinct architectures.

    Attributes:
        candidates: int64[k].
        points: float64[k, m], the answers.
        hypervolume: float64[k], of the first 1 to k answers; it never falls.
        seconds: float64[k], training seconds so far; None if the table does not record them.
        front: bool[k], mask of the non-dominated answers.
    """

    candidates: NDArray[np.int64]
    points: Floats
    hypervolume: Floats
    seconds: Floats | None
    front: NDArray[np.bool_]


def run_pareto(
    searcher: ParetoSearcher, problem: Problem, points: Floats, budget: int, reference: Floats | None = None
) -> ParetoHistory:
    """Ask and tell until `budget` distinct architectures are paid for, or the searcher has no more queries.

    Args:
        searcher: must ask for full trainings only.
        problem: the population.
        points: float64[n, 2], from `objectives`.
        budget: full trainings to pay for.
        reference: reference point of the hypervolume; by default the worst of each objective in the population.
    """
    origin = points.min(axis=0) if reference is None else reference
    paid: list[int] = []
    repeats = 0
    while len(paid) < budget and repeats <= STALLED:
        query = searcher.ask()
        if query is None:
            break
        repeated = query.candidate in paid
        repeats = repeats + 1 if repeated else 0
        if not repeated:
            paid.append(query.candidate)
        searcher.tell(query, points[query.candidate])
    found = points[paid]
    seconds = [problem.training_seconds(Query(candidate)) for candidate in paid]
    known_seconds = [one for one in seconds if one is not None]
    return ParetoHistory(
        candidates=np.array(paid, dtype=np.int64),
        points=found,
        hypervolume=np.array([hypervolume(found[: place + 1], origin) for place in range(len(paid))]),
        seconds=np.cumsum(known_seconds) if len(known_seconds) == len(paid) else None,
        front=non_dominated(found),
    )
