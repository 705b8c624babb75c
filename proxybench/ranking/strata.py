"""Metrics within groups of architectures: to distinguish a useful score from one that only counts convolutions.

With the number of convolutions of a NAS-Bench-201 cell held fixed, many proxies lose their correlation (Kadlecova et
al., "Surprisingly strong performance prediction with neural graph features", ICML 2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from predictors.inputs import aligned, as_vector
from proxybench.ranking.correlation import kendall
from proxybench.ranking.policy import Floats, Integers, answered


@dataclass(frozen=True)
class Within:
    """A metric in each stratum, labels ascending.

    Attributes:
        values: the metric by label, NaN where it is undefined.
        sizes: how many architectures count, by label.
        mean: mean of the defined values, weighted by size; NaN where none is defined.
    """

    values: dict[float, float]
    sizes: dict[float, int]
    mean: float


def within_strata(
    y_true: ArrayLike,
    y_score: ArrayLike,
    strata: ArrayLike,
    metric: Callable[[ArrayLike, ArrayLike], float] = kendall,
) -> Within:
    """`metric` within each group of architectures that have the same value of `strata`.

    Args:
        y_true: targets, n values.
        y_score: scores, n values.
        strata: a number per architecture, such as its convolutions; an architecture with NaN is in no stratum.
        metric: a metric of targets and scores.

    Raises:
        ValueError: unless all three are vectors of the same length.
    """
    target, score, label = aligned(y_true=y_true, y_score=y_score, strata=strata)
    counts = answered(target, score) & answered(target, label)
    rows = {float(value): np.flatnonzero(counts & (label == value)) for value in np.unique(label[counts])}
    values = {value: metric(target[chosen], score[chosen]) for value, chosen in rows.items()}
    sizes = {value: len(chosen) for value, chosen in rows.items()}
    return Within(values, sizes, weighted_mean(list(values.values()), list(sizes.values())))


def quantile_strata(values: ArrayLike, groups: int = 10) -> Integers:
    """Strata 0 .. groups - 1 of nearly equal size by value, such as deciles of parameters: int64[n].

    Equal values share a stratum, that of their mean place; values that are not finite are refused.

    Raises:
        ValueError: for fewer than one group or a value that is not finite.
    """
    column = as_vector(values)
    if groups < 1 or not np.isfinite(column).all():
        raise ValueError("quantile strata need at least one group and finite values")
    _, group, copies = np.unique(column, return_inverse=True, return_counts=True)
    middle = np.cumsum(copies) - (copies + 1) / 2
    strata: Integers = np.floor(middle / max(1, len(column)) * groups).astype(np.int64)[group]
    return strata


def weighted_mean(values: ArrayLike, sizes: ArrayLike) -> float:
    """Mean of the values that are not NaN, weighted by size; NaN if there are none."""
    column, weight = aligned(values=values, sizes=sizes)
    defined: Floats = np.where(np.isnan(column), 0.0, weight)
    return float(np.nansum(column * weight) / defined.sum()) if defined.sum() > 0 else math.nan
