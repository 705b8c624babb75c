"""Following one fixed ranking: a metric-based search that learns nothing from the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from proxybench.search.core.base import Query
from proxybench.search.core.metrics import metric_matrix
from proxybench.search.core.problem import Problem


class MetricRanking:
    """Candidates by the mean of normalised metrics, best first; ties in index order.

    Args:
        problem: the population to search.
        rng: not used.
        budget: of the run; not used.
        metrics: names; by default all from `metric_names`. With one name, follows a single metric.
        scale: normalisation, "rank", "minmax" or "signed_log".
        missing: rule for missing values, "middle" or "skip".
    """

    deterministic: ClassVar = True
    needs_metrics: ClassVar = True

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        metrics: Sequence[str] | None = None,
        scale: str = "rank",
        missing: str = "middle",
    ) -> None:
        scores = metric_matrix(problem, metrics, scale, missing).mean(axis=1)
        self._ranking = iter(np.argsort(-scores, kind="stable").tolist())

    def ask(self) -> Query | None:
        candidate = next(self._ranking, None)
        return None if candidate is None else Query(candidate)

    def tell(self, query: Query, value: float) -> None:
        pass
