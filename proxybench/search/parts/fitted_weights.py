"""Weights of a robust metric fitted to all answers of a search, rather than to the top architectures of rankings.

In RoBoT, evaluating a weight vector uses one architecture. But every evaluated architecture has information on every
weight: it compares each metric's score with the actual value.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictors.robust import COMMON
from predictors.targets import normal_scores, standardised
from proxybench.search.core.metrics import metric_matrix, metric_names
from proxybench.search.core.problem import Floats, Problem

NOISE = 0.5  # variance not explained by the metrics, relative to the variance of the weights' prior


class FittedWeights:
    """Posterior mean of a Bayesian linear regression of answers' ranks on metrics, with `predictors.Robust`'s prior.

    The prior lets all metrics share a common weight, so that a handful of answers moves them together before it
    separates them. Unlike in that predictor, metrics are ranked among all candidates, which is free in a search, and
    the noise is fixed: it cannot be learned from six answers.

    Args:
        problem: the problem with the candidates.
        metrics, scale, missing: as in `metric_matrix`.
        operations: whether the counts of operations are used as metrics too; together they vary as much as one, so
            they matter if there are few metrics.
    """

    def __init__(
        self, problem: Problem, metrics: Sequence[str] | None, scale: str, missing: str, operations: bool
    ) -> None:
        names = tuple(metric_names(problem, metrics))
        self._rows: Floats = problem.cached(_rows, names, scale, missing, operations)

    def scores(self, queried: NDArray[np.int64], values: Floats) -> Floats:
        """The robust metric of every candidate, float64[n], from the values of candidates int64[k]."""
        rows, targets = self._rows[queried], normal_scores(values)
        precision = rows.T @ rows + NOISE * np.eye(rows.shape[1])
        return np.asarray(self._rows @ np.linalg.solve(precision, rows.T @ targets))


def _rows(problem: Problem, metrics: tuple[str, ...], scale: str, missing: str, operations: bool) -> Floats:
    """Metrics, their common part and counts of operations, float64[n, d]; the metrics' total variance is 1."""
    own = metric_matrix(problem, metrics, scale, missing)
    own = own - own.mean(axis=0)
    count = own.shape[1]
    common = np.sqrt(COMMON / count) * own.sum(axis=1, keepdims=True)
    rows = np.concatenate([own, common], axis=1) / (own.std(axis=0).mean() * np.sqrt(count))
    return np.concatenate([rows, _counts(problem) / np.sqrt(count)], axis=1) if operations else rows


def _counts(problem: Problem) -> Floats:
    """Counts of each operation whose count is not constant, float64[n, operations]."""
    names = sorted({operation for arch in problem.archs for operation in arch.ops})
    counts = np.array([[arch.ops.count(name) for name in names] for arch in problem.archs], dtype=np.float64)
    varying = counts[:, counts.std(axis=0) > 0]
    scaled = [standardised(column) for column in varying.T]
    return np.column_stack(scaled) / np.sqrt(len(scaled)) if scaled else np.empty((len(problem), 0))
