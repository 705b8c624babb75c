"""Any metric of many score columns under the same bootstrap resamples of architectures.

Small inputs are evaluated by the metrics themselves, one resample at a time; large ones by compiled kernels that take
many resamples at once, in threads. The choice depends only on the size of the input, and both give the same values up
to rounding, whatever the number of threads.

A resample holds copies of architectures, which tie with each other in score and target. Correlations handle ties; a
top k with copies has fewer distinct architectures, so intervals of metrics of a small top are rough.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike

from predictors.inputs import aligned
from proxybench.ranking.columns import Column
from proxybench.ranking.metrics import LEADERBOARD, get_metric
from proxybench.ranking.policy import Floats, answered, as_columns
from proxybench.ranking.resampling import lanes_for, resample, resample_weights

COMPILED_FROM = 3_000_000  # values x (rows + 1,000), about half a second; below, loading the compiler takes longer
MOST_ROWS = 2_000_000  # above this, sums of products of ranks may not fit in 64 bits


def bootstrap(
    y_true: ArrayLike,
    scores: ArrayLike,
    metric: Callable[[Floats, Floats], float],
    resamples: int = 1000,
    seed: int = 0,
) -> Floats:
    """Any function of targets and scores under bootstrap: float64[resamples, m], one call per value.

    Raises:
        ValueError: unless scores have one row per target and there is at least one architecture.
    """
    target, table = _table(y_true, scores)
    draws = np.empty((resamples, table.shape[1]))
    for number in range(resamples):
        rows = resample(len(target), seed, number)
        drawn, values = target[rows], table[rows]
        draws[number] = [metric(drawn, values[:, column]) for column in range(table.shape[1])]
    return draws


def bootstrap_metrics(
    y_true: ArrayLike,
    scores: ArrayLike,
    metrics: Sequence[str] = LEADERBOARD,
    resamples: int = 1000,
    seed: int = 0,
    threads: int | None = None,
    compiled: bool | None = None,
) -> dict[str, Floats]:
    """Metrics of every score column under the same resamples of architectures.

    A resample draws n of the n rows with replacement; a drawn row counts in a column where target and score are finite.

    Args:
        y_true: targets, n values.
        scores: scores [n, m], or [n] for one column.
        metrics: names, see `metrics.get_metric`.
        resamples: number of resamples.
        seed: seed of the resamples; the same seed and n give the same resamples in every call.
        threads: number of threads; by default all processors available to this process.
        compiled: whether to use compiled kernels; by default if loading them pays off. Never used for more than
            MOST_ROWS rows.

    Returns:
        float64[resamples, m] by name.

    Raises:
        UnknownName: for an unknown metric.
        ValueError: unless scores have one row per target and there is at least one architecture.
    """
    target, table = _table(y_true, scores)
    wanted = [get_metric(name) for name in metrics]
    if compiled is None:
        compiled = worth_compiling(len(wanted) * table.shape[1] * resamples, len(target))
    if not compiled or len(target) > MOST_ROWS:
        return {metric.name: bootstrap(target, table, metric, resamples, seed) for metric in wanted}
    from proxybench.ranking.weighted import Scratch, WeightedColumn

    columns = [Column.sort(target, table[:, column]) for column in range(table.shape[1])]
    draws = {metric.name: np.empty((resamples, len(columns))) for metric in wanted}

    lanes = lanes_for(len(target))

    def block(start: int) -> None:
        stop = min(start + lanes, resamples)
        weights = resample_weights(len(target), seed, start, stop)
        scratch = Scratch(weights)
        for index, column in enumerate(columns):
            weighted = WeightedColumn(column, weights, scratch)
            for metric in wanted:
                draws[metric.name][start:stop, index] = weighted.value(metric)[: stop - start]

    in_threads(block, range(0, resamples, lanes), threads)
    return draws


def worth_compiling(values: int, rows: int) -> bool:
    """Whether computing the metrics would take longer than loading the compiled kernels."""
    return values * (rows + 1000) >= COMPILED_FROM


def bootstrap_within_strata(
    y_true: ArrayLike,
    scores: ArrayLike,
    strata: ArrayLike,
    metric: str = "kendall",
    resamples: int = 1000,
    seed: int = 0,
    threads: int | None = None,
) -> Floats:
    """The size-weighted mean of a metric within strata (`strata.within_strata`) under bootstrap: float64[resamples, m].

    Architectures are drawn from the whole population, so that the sizes of the strata vary too.

    Raises:
        UnknownName: for an unknown metric.
        ValueError: unless there is one row of scores and one stratum per target, and at least one architecture.
    """
    from proxybench.ranking.weighted import Scratch, WeightedColumn

    y_true, scores, label = aligned(y_true=y_true, scores=scores, strata=strata)
    target, table = _table(y_true, scores)
    there = answered(target, label)
    wanted = get_metric(metric)
    groups = [np.where(there & (label == value), target, math.nan) for value in np.unique(label[there])]
    columns = [[Column.sort(group, table[:, column]) for group in groups] for column in range(table.shape[1])]
    draws = np.full((resamples, len(columns)), math.nan)

    lanes = lanes_for(len(target))

    def block(start: int) -> None:
        stop = min(start + lanes, resamples)
        weights = resample_weights(len(target), seed, start, stop)
        scratch = Scratch(weights)
        for index, parts in enumerate(columns):
            values, sizes = np.full((len(parts), lanes), math.nan), np.zeros((len(parts), lanes))
            for group, part in enumerate(parts):
                weighted = WeightedColumn(part, weights, scratch)
                values[group], sizes[group] = weighted.value(wanted), weighted.drawn
            sizes = np.where(np.isnan(values), 0, sizes)
            total = sizes.sum(axis=0)
            mean = np.full(lanes, math.nan)
            np.divide(np.nansum(values * sizes, axis=0), total, out=mean, where=total > 0)
            draws[start:stop, index] = mean[: stop - start]

    in_threads(block, range(0, resamples, lanes), threads)
    return draws


def in_threads(work: Callable[[int], None], items: Sequence[int], threads: int | None = None) -> None:
    """Call `work` on every item, in threads. The kernels release the interpreter lock."""
    with ThreadPoolExecutor(threads or _processors()) as pool:
        for _ in pool.map(work, items):
            pass


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _table(y_true: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    target, table = as_columns(y_true, scores)
    if not len(target):
        raise ValueError("a bootstrap needs at least one architecture")
    return target, table
