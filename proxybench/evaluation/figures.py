"""Figures of scores on a task: rank metrics, intervals, agreement at equal size, share of the noise ceiling."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from proxybench.evaluation.population import Floats, opened, population
from proxybench.evaluation.tasks import Task
from proxybench.ranking.ceiling import NoiseCeiling, noise_ceiling, share_of_ceiling
from proxybench.ranking.intervals import has_interval, metric_intervals
from proxybench.ranking.metrics import LEADERBOARD, rank_metrics
from proxybench.ranking.strata import quantile_strata, within_strata
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.store.schema import MEAN

RESAMPLES = 1000


def all_metrics(
    task: Task, test: NDArray[np.int64], target: Floats, scores: Floats, attempted: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Metrics of the scored part `test` of the population, with the share of the ceiling and the check for size."""
    metrics = ranked_metrics(target, scores, attempted)
    metrics["kendall_within_params"] = _within_params(task, test, target, scores, attempted)
    return metrics | _ceiling_metrics(task, metrics["kendall"])


def ranked_metrics(target: Floats, scores: Floats, attempted: NDArray[np.bool_]) -> dict[str, float | None]:
    """Metrics over all attempted scores, with failed ones ranked last; and correlations without the failed ones.

    All methods are thus compared on one population, like the published figures, and a method gains nothing by
    failing. The number of failures is reported as well.
    """
    answered = rank_metrics(target[attempted], scores[attempted])
    metrics = rank_metrics(target[attempted], failures_last(scores[attempted]))
    metrics |= {
        "attempted": float(attempted.sum()),
        "answered": answered["answered"],
        "pearson": answered["pearson"],
        "kendall_answered": answered["kendall"],
        "spearman_answered": answered["spearman"],
    }
    return {name: _defined(value) for name, value in metrics.items()}


def failures_last(scores: Floats) -> Floats:
    """Ranks of the scores, 1 for the lowest; ties share a rank, and scores that are not finite get 0."""
    finite = np.isfinite(scores)
    ranks = np.zeros(len(scores))
    ranks[finite] = np.unique(scores[finite], return_inverse=True)[1] + 1.0
    return ranks


def _within_params(
    task: Task, test: NDArray[np.int64], target: Floats, scores: Floats, attempted: NDArray[np.bool_]
) -> float | None:
    """Mean tau-b within deciles of parameter count: what a score tells beyond size (Kadlecova et al., GRAF, 2024)."""
    params = population(task).columns.get("cost:params")
    chosen = attempted & np.isfinite(params[test]) if params is not None else np.zeros(len(test), dtype=bool)
    if params is None or chosen.sum() < 20:
        return None
    deciles = quantile_strata(params[test][chosen])
    return _defined(within_strata(target[chosen], failures_last(scores[chosen]), deciles).mean)


def intervals(target: Floats, scores: Floats) -> dict[str, tuple[float | None, float | None]]:
    """Bootstrap intervals over architectures, for metrics that have one; failed scores are ranked last."""
    names = [name for name in LEADERBOARD if has_interval(name)]
    found = metric_intervals(target, failures_last(scores)[:, None], names, RESAMPLES)
    return {name: (_defined(one[0].low), _defined(one[0].high)) for name, one in found.items()}


def _ceiling_metrics(task: Task, kendall: float | None) -> dict[str, float | None]:
    """The noise ceiling of the target and the share of it that was reached; null if unknown."""
    ceiling = _ceiling(task, opened(task))
    if ceiling is None:
        return {"noise_ceiling": None, "share_of_ceiling": None}
    attainable = _defined(ceiling.attainable.value)
    share = share_of_ceiling(kendall, attainable) if kendall is not None else None
    return {"noise_ceiling": attainable, "share_of_ceiling": share}


@cache
def _ceiling(task: Task, bench: Benchmark) -> NoiseCeiling | None:
    if task.target.seed != MEAN:
        return None
    target = task.target
    dataset = target.dataset or task.dataset
    labels = bench.seeds(target.metric, dataset, target.epochs)
    runs = [
        np.where(
            bench.measured(target.metric, dataset=dataset, epochs=target.epochs, seed=label),
            bench.values(target.metric, dataset=dataset, epochs=target.epochs, seed=label),
            np.nan,
        )
        for label in labels
        if label.isdecimal()
    ]
    return noise_ceiling(np.column_stack(runs)[task.rows(bench)], resamples=200) if len(runs) > 1 else None


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None
