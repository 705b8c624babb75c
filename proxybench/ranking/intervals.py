"""Confidence intervals of metrics, over architectures, over repeats, or both, and the significance of a difference.

Intervals are percentile bootstrap intervals (Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter
13). They stay within a metric's range and follow monotone maps of it. BCa intervals are not offered: their
acceleration needs one evaluation per architecture left out, and for regret, precision and other metrics of the top
nearly all of those are equal, so that it is arbitrary. Resamples in which a metric is undefined are left out, and
`resamples` says how many remain.

Over architectures answers: would this order of methods hold on another sample of the space? Over repeats: with other
seeds or training samples? With r repeats a bootstrap over them understates the variance by the factor (r - 1) / r, so
few repeats give intervals that are too short. Both draws architectures and repeats independently. Where a mean over a
few independent runs is all there is, `half_interval` is Student's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from predictors.inputs import aligned, as_floats, as_vector
from proxybench.ranking.bootstrap import bootstrap, bootstrap_metrics
from proxybench.ranking.metrics import LEADERBOARD, get_metric
from proxybench.ranking.policy import Floats, as_columns

Over = Literal["architectures", "repeats", "both"]
MetricLike = str | Callable[[Floats, Floats], float]


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval.

    Attributes:
        value: of the data as they are.
        low: lower end, NaN where the metric is undefined.
        high: upper end.
        level: nominal coverage, such as .95.
        resamples: how many bootstrap values the ends were taken from.
    """

    value: float
    low: float
    high: float
    level: float
    resamples: int


@dataclass(frozen=True)
class Difference(Interval):
    """The difference of two methods on the same architectures (and repeats), first minus second.

    Attributes:
        p_value: two-sided bootstrap p-value of no difference.
    """

    p_value: float


def metric_intervals(
    y_true: ArrayLike,
    scores: ArrayLike,
    metrics: Sequence[str] = LEADERBOARD,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, list[Interval]]:
    """Intervals over architectures of every metric of every score column [n, m]: a list of m by name.

    Raises:
        UnknownName: for a name that is no metric's.
        ValueError: unless scores have one row per target and 0 < level < 1.
    """
    target, table = as_columns(y_true, scores)
    draws = bootstrap_metrics(target, table, metrics, resamples, seed)
    return {
        name: [
            percentile_interval(get_metric(name)(target, table[:, column]), draws[name][:, column], level)
            for column in range(table.shape[1])
        ]
        for name in metrics
    }


def interval(
    y_true: ArrayLike,
    scores: ArrayLike,
    metric: MetricLike = "kendall",
    over: Over = "architectures",
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Interval of a metric's mean over repeats.

    Args:
        y_true: targets, n values.
        scores: scores [n], or [n, repeats] of one method.
        metric: a name, or any function of targets and scores.
        over: what is resampled.
        resamples: how many times.
        seed: of the resamples.
        level: nominal coverage.

    Raises:
        UnknownName: for a name that is no metric's.
        ValueError: unless scores have one row per target, repeats are resampled from at least two, and 0 < level < 1.
    """
    target, table = as_columns(y_true, scores)
    value = float(_values(target, table, metric).mean())
    return percentile_interval(value, _draws(target, table, metric, over, resamples, seed), level)


def difference(
    y_true: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    metric: MetricLike = "kendall",
    over: Over = "architectures",
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Paired difference of two methods, first minus second, on the architectures that both answer.

    Args:
        y_true: targets, n values.
        first: scores [n] or [n, repeats].
        second: scores of the same shape; repeat i of one is paired with repeat i of the other.
        metric: a name, or any function of targets and scores.
        over: what is resampled.
        resamples: how many times.
        seed: of the resamples.
        level: nominal coverage.

    Raises:
        UnknownName: for a name that is no metric's.
        ValueError: for scores of different shapes, and as `interval`.
    """
    y_true, first, second = aligned(y_true=y_true, first=first, second=second)
    target, one = as_columns(y_true, first)
    _, other = as_columns(y_true, second)
    if one.shape != other.shape:
        raise ValueError(f"paired scores must have one shape, not {one.shape} and {other.shape}")
    unanswered = ~np.isfinite(one) | ~np.isfinite(other)
    both = np.hstack([np.where(unanswered, math.nan, one), np.where(unanswered, math.nan, other)])
    repeats = one.shape[1]
    values = _values(target, both, metric)
    draws = _draws(target, both, metric, over, resamples, seed, paired=True)
    found = percentile_interval(float((values[:repeats] - values[repeats:]).mean()), draws, level)
    return Difference(found.value, found.low, found.high, level, found.resamples, two_sided_p(draws))


def percentile_interval(value: float, draws: ArrayLike, level: float = 0.95) -> Interval:
    """The interval between the (1 - level) / 2 and (1 + level) / 2 quantiles of bootstrap values.

    Raises:
        ValueError: unless 0 < level < 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    found = as_floats(draws, "draws")
    found = found[np.isfinite(found)]
    if not len(found) or math.isnan(value):
        return Interval(value, math.nan, math.nan, level, 0)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level, len(found))


def half_interval(values: ArrayLike) -> float | None:
    """Half of the 95 percent interval of the mean of n independent values (Student's t); None for fewer than two."""
    from scipy.special import stdtrit

    found = as_vector(values)
    if len(found) < 2:
        return None
    return float(stdtrit(len(found) - 1, 0.975) * np.std(found, ddof=1) / math.sqrt(len(found)))


def two_sided_p(draws: ArrayLike) -> float:
    """Bootstrap p-value of the hypothesis that the value is zero, from the bootstrap values of a difference.

    Twice the smaller share at or beyond zero, each count one up (Davison and Hinkley, "Bootstrap methods and their
    application", 1997, section 4.2), so it is never below 2 / (resamples + 1). NaN where no value is defined.
    """
    found = as_floats(draws, "draws")
    found = found[np.isfinite(found)]
    if not len(found):
        return math.nan
    beyond = min(int((found <= 0).sum()), int((found >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(found) + 1))


def _values(target: Floats, table: Floats, metric: MetricLike) -> Floats:
    function = get_metric(metric) if isinstance(metric, str) else metric
    return np.array([function(target, table[:, column]) for column in range(table.shape[1])])


def _draws(
    target: Floats, table: Floats, metric: MetricLike, over: Over, resamples: int, seed: int, paired: bool = False
) -> Floats:
    """Bootstrap values of the mean over repeats: of the first half of the columns minus the second where `paired`."""
    repeats = table.shape[1] // 2 if paired else table.shape[1]
    if over not in ("architectures", "repeats", "both"):
        raise ValueError(f"over is 'architectures', 'repeats' or 'both', not {over!r}")
    if over != "architectures" and repeats < 2:
        raise ValueError("resampling repeats needs at least two of them")
    if over == "repeats":
        per_repeat = np.broadcast_to(_values(target, table, metric), (resamples, table.shape[1]))
    elif isinstance(metric, str):
        per_repeat = bootstrap_metrics(target, table, (metric,), resamples, seed)[metric]
    else:
        per_repeat = bootstrap(target, table, metric, resamples, seed)
    if paired:
        per_repeat = per_repeat[:, :repeats] - per_repeat[:, repeats:]
    if over != "architectures":
        chosen = np.random.default_rng((seed, resamples, repeats)).integers(0, repeats, (resamples, repeats))
        per_repeat = np.take_along_axis(per_repeat, chosen, axis=1)
    mean: Floats = per_repeat.mean(axis=1)
    return mean
