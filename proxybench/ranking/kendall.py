"""Kendall's tau-b of many score columns against one target, and under bootstrap.

Knight's count of discordant pairs (JASA 1966) on architectures sorted once per column: with a Fenwick tree over the
ranks of the scores it takes O(n log n). A bootstrap resample is a whole-number weight per architecture, so one pass
counts the pairs of many resamples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from proxybench.ranking.bootstrap import bootstrap_metrics
from proxybench.ranking.correlation import kendall
from proxybench.ranking.policy import Floats, as_columns


def kendall_many(y_true: ArrayLike, scores: ArrayLike) -> Floats:
    """Tau-b of every column of scores [n, m] with the target [n]: float64[m]; NaN if undefined.

    Raises:
        ValueError: unless scores have one row per target.
    """
    target, table = as_columns(y_true, scores)
    return np.array([kendall(target, table[:, column]) for column in range(table.shape[1])])


def kendall_bootstrap(
    y_true: ArrayLike, scores: ArrayLike, resamples: int = 1000, seed: int = 0, threads: int | None = None
) -> Floats:
    """Tau-b of every column under the same bootstrap resamples of architectures: float64[resamples, m].

    The first call on a machine spends a few seconds compiling. See `bootstrap.bootstrap_metrics`.

    Raises:
        ValueError: unless scores have one row per target and there is at least one architecture.
    """
    return bootstrap_metrics(y_true, scores, ("kendall",), resamples, seed, threads)["kendall"]
