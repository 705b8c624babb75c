"""Confidence intervals of metrics, over architectures, over repeats, or both, and the significance of a difference.

Over architectures answers: would this hold for another sample of the space? The interval is a percentile bootstrap
interval (Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13). It stays within a metric's range
and follows monotone maps of it. Resamples in which a metric is undefined are omitted; `resamples` is the number
remaining.

Over repeats answers: would it hold with other seeds or training samples? A bootstrap over a few repeats is far too
narrow, so the interval is Student's t. Over both, the two variances are added
(`repeats.over_both`), from three repeats on.

Only metrics whose intervals cover the true value in simulations have one (tests/ranking/test_coverage.py). All others
have NaN for both ends:

- The rank correlations `kendall`, `kendall_a` and `spearman` have intervals, over architectures from FEWEST on.
- Metrics of the top have none. They depend on a handful of architectures, and no likely sample of a space holds one of
  them twice, as resamples do. Their nominal 95 percent covered between 7 and 100 percent.
- Pearson's correlation has one over repeats only. Heavy tails and a few failures at chance level decide its value, and
  a sample without any cannot know of them. Its nominal 95 percent over architectures covered down to 73 percent.

A function of the caller's own gets its percentile interval; whether that covers is for the caller to find out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from predictors.inputs import aligned, as_floats
from proxybench.ranking.bootstrap import bootstrap, bootstrap_metrics
from proxybench.ranking.metrics import LEADERBOARD, get_metric
from proxybench.ranking.policy import Floats, answered, as_columns
from proxybench.ranking.repeats import half_interval, over_both, over_repeats

FEWEST = 10  # architectures that count; with six the interval of a strong correlation covers 87 percent
FEWEST_REPEATS = 3  # for an interval over both; with two it covers 87 percent if the repeats differ much
Over = Literal["architectures", "repeats", "both"]
MetricLike = str | Callable[[Floats, Floats], float]
_RANKS = ("kendall", "kendall_a", "spearman")
_COVERED: dict[Over, tuple[str, ...]] = {"architectures": _RANKS, "repeats": (*_RANKS, "pearson"), "both": _RANKS}


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval.

    Attributes:
        value: value on the original data.
        low: lower end, NaN if the metric is undefined or has no reliable interval (see the module).
        high: upper end, NaN if `low` is.
        level: nominal coverage, such as 0.95.
        resamples: number of bootstrap values used; none over repeats alone.
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
        p_value: two-sided p-value of no difference; NaN if `low` is.
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
        UnknownName: for an unknown metric.
        ValueError: unless scores have one row per target and 0 < level < 1.
    """
    target, table = as_columns(y_true, scores)
    covered = [name for name in metrics if has_interval(name)]
    draws = bootstrap_metrics(target, table, covered, resamples, seed) if covered else {}
    few = [_too_few(target, table[:, [column]]) for column in range(table.shape[1])]
    return {
        name: [
            percentile_interval(value, [] if few[column] or name not in draws else draws[name][:, column], level)
            for column, value in enumerate(_values(target, table, name).tolist())
        ]
        for name in metrics
    }


def has_interval(metric: MetricLike, over: Over = "architectures") -> bool:
    """Whether intervals of the metric have their nominal coverage; True for a function of the caller.

    Raises:
        UnknownName: for an unknown metric.
    """
    return not isinstance(metric, str) or get_metric(metric).family in _COVERED[over]


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
        over: the source of variation: the architectures, the repeats, or both.
        resamples: number of resamples of the architectures.
        seed: seed of the resamples.
        level: nominal coverage.

    Raises:
        UnknownName: for an unknown metric.
        ValueError: unless scores have one row per target, there are two repeats if the interval is over them, and
            0 < level < 1.
    """
    target, table = as_columns(y_true, scores)
    values = _values(target, table, metric)
    draws = _draws(target, table, metric, over, resamples, seed, repeats=table.shape[1])
    found, _ = _mean_interval(values, draws, over, level)
    if over == "architectures" or not isinstance(metric, str):
        return found
    return replace(found, low=max(found.low, -1.0), high=min(found.high, 1.0))


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
        over: the source of variation: the architectures, the repeats, or both.
        resamples: number of resamples of the architectures.
        seed: seed of the resamples.
        level: nominal coverage.

    Raises:
        UnknownName: for an unknown metric.
        ValueError: if the scores have different shapes, and like `interval`.
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
    draws = _draws(target, both, metric, over, resamples, seed, repeats)
    gains = values[:repeats] - values[repeats:]
    gain_draws = None if draws is None else draws[:, :repeats] - draws[:, repeats:]
    found, p_value = _mean_interval(gains, gain_draws, over, level)
    return Difference(found.value, found.low, found.high, level, found.resamples, p_value)


def percentile_interval(value: float, draws: ArrayLike, level: float = 0.95) -> Interval:
    """The interval between the (1 - level) / 2 and (1 + level) / 2 quantiles of bootstrap values.

    Raises:
        ValueError: unless 0 < level < 1.
    """
    _refuse_level(level)
    found = as_floats(draws, "draws")
    found = found[np.isfinite(found)]
    if not len(found) or math.isnan(value):
        return Interval(value, math.nan, math.nan, level, 0)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level, len(found))


def two_sided_p(draws: ArrayLike) -> float:
    """Bootstrap p-value of the hypothesis that the value is zero, from the bootstrap values of a difference.

    Twice the smaller share at or beyond zero, adding 1 to each count (Davison and Hinkley, "Bootstrap methods and their
    application", 1997, section 4.2), so that it is never below 2 / (resamples + 1). NaN where no value is defined.
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
    target: Floats, table: Floats, metric: MetricLike, over: Over, resamples: int, seed: int, repeats: int
) -> Floats | None:
    """Bootstrap values over architectures, float64[resamples, columns]; empty over repeats.

    None if the metric has no interval, or there are too few repeats for one over both.
    """
    if over not in _COVERED:
        raise ValueError(f"over is 'architectures', 'repeats' or 'both', not {over!r}")
    if over != "architectures" and repeats < 2:
        raise ValueError(f"an interval over {over} needs at least two repeats; give scores of shape [n, repeats]")
    if not has_interval(metric, over) or (over == "both" and repeats < FEWEST_REPEATS):
        return None
    if over == "repeats":
        return np.empty((0, table.shape[1]))
    if not isinstance(metric, str):
        return bootstrap(target, table, metric, resamples, seed)
    return None if _too_few(target, table) else bootstrap_metrics(target, table, (metric,), resamples, seed)[metric]


def _mean_interval(values: Floats, draws: Floats | None, over: Over, level: float) -> tuple[Interval, float]:
    """The interval of the mean over repeats, and the p-value of the hypothesis that it is zero."""
    _refuse_level(level)
    value = float(values.mean())
    if draws is None or math.isnan(value):
        return Interval(value, math.nan, math.nan, level, 0), math.nan
    if over == "architectures":
        means = draws.mean(axis=1)
        return percentile_interval(value, means, level), two_sided_p(means)
    draws = draws[np.isfinite(draws).all(axis=1)]
    error = over_repeats(values) if over == "repeats" else over_both(values, draws)
    half = error.half(level)
    return Interval(value, value - half, value + half, level, len(draws)), error.p_value(value)


def _too_few(target: Floats, table: Floats) -> bool:
    """Whether fewer than FEWEST architectures count in one of the columns."""
    return any(answered(target, table[:, column]).sum() < FEWEST for column in range(table.shape[1]))


def _refuse_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level must be between 0 and 1, not {level}")


__all__ = [
    "FEWEST",
    "Difference",
    "Interval",
    "difference",
    "half_interval",
    "has_interval",
    "interval",
    "metric_intervals",
    "percentile_interval",
    "two_sided_p",
]
