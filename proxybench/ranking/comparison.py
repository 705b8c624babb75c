"""Tests between methods over tasks or repeats, with control of false positives.

Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006: Friedman's test asks whether
the methods differ at all, and the Nemenyi test which; Wilcoxon's signed-rank test with Holm's correction compares
pairs with more power. Repeated draws that are not paired are compared by the Mann-Whitney U test.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from predictors.inputs import as_floats
from predictors.ranks import mean_ranks
from proxybench.ranking.policy import Floats


@dataclass(frozen=True)
class Friedman:
    """Friedman's test of k methods on N tasks.

    Attributes:
        ranks: average rank of each method, 1 the best, ties their mean rank.
        chi_square: Friedman's statistic, corrected for ties, k - 1 degrees of freedom.
        p_value: of `chi_square`.
        f: Iman and Davenport's less conservative statistic, k - 1 and (k - 1)(N - 1) degrees of freedom.
        f_p_value: of `f`.
    """

    ranks: tuple[float, ...]
    chi_square: float
    p_value: float
    f: float
    f_p_value: float


@dataclass(frozen=True)
class CriticalDifference:
    """The content of a critical-difference diagram.

    Attributes:
        ranks: average rank by method, best first.
        difference: methods whose average ranks differ by this much or more differ significantly.
        groups: largest sets of two or more methods, best first, that do not differ significantly.
        alpha: the level of the test.
        tasks: N.
    """

    ranks: dict[str, float]
    difference: float
    groups: tuple[tuple[str, ...], ...]
    alpha: float
    tasks: int


def average_ranks(values: ArrayLike) -> Floats:
    """Average rank of each method over tasks, values [tasks, methods], larger better: float64[methods], 1 the best.

    Raises:
        ValueError: unless every one of two or more methods has a finite value on every task.
    """
    ranks: Floats = _ranks(_complete(values)).mean(axis=0)
    return ranks


def friedman(values: ArrayLike) -> Friedman:
    """Friedman's test, values [tasks, methods]. If methods tie on every task the statistics are NaN.

    Raises:
        ValueError: unless every one of two or more methods has a finite value on every task.
    """
    from scipy.special import chdtrc, fdtrc

    table = _complete(values)
    tasks, methods = table.shape
    ranks = _ranks(table)
    mean = ranks.mean(axis=0)
    spread = float(((ranks - (methods + 1) / 2) ** 2).sum()) / (tasks * (methods - 1))
    if spread == 0:
        return Friedman(tuple(mean.tolist()), math.nan, math.nan, math.nan, math.nan)
    chi_square = tasks * float(((mean - (methods + 1) / 2) ** 2).sum()) / spread
    rest = tasks * (methods - 1) - chi_square
    ratio = (tasks - 1) * chi_square / rest if rest > 1e-9 else math.inf
    return Friedman(
        ranks=tuple(mean.tolist()),
        chi_square=chi_square,
        p_value=float(chdtrc(methods - 1, chi_square)),
        f=ratio,
        f_p_value=float(fdtrc(methods - 1, (methods - 1) * (tasks - 1), ratio)) if tasks > 1 else math.nan,
    )


def nemenyi_difference(methods: int, tasks: int, alpha: float = 0.05) -> float:
    """Critical difference of average ranks, q_alpha sqrt(k (k + 1) / (6 N)).

    q_alpha is the upper quantile of the studentised range of k normals divided by sqrt 2 (Demsar, table 5).
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - alpha, methods, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(methods * (methods + 1) / (6 * tasks))


def critical_difference(values: ArrayLike, names: Sequence[str], alpha: float = 0.05) -> CriticalDifference:
    """Average ranks, the Nemenyi critical difference and the groups that do not differ, values [tasks, methods].

    Raises:
        ValueError: unless every one of two or more named methods has a finite value on every task.
    """
    table = _complete(values)
    mean = average_ranks(table)
    if len(names) != len(mean):
        raise ValueError(f"{len(mean)} methods need {len(mean)} names, not {len(names)}")
    order = np.argsort(mean, kind="stable")
    ranks = {names[method]: float(mean[method]) for method in order}
    needed = nemenyi_difference(len(mean), len(table), alpha)
    return CriticalDifference(ranks, needed, rank_groups(ranks, needed), alpha, len(table))


def rank_groups(ranks: dict[str, float], difference: float) -> tuple[tuple[str, ...], ...]:
    """Largest sets of two or more neighbours whose ranks span less than `difference`; `ranks` ascending."""
    names, values = list(ranks), list(ranks.values())
    groups: list[tuple[str, ...]] = []
    reached = 0
    for start in range(len(names)):
        stop = max(end for end in range(start, len(names)) if end == start or values[end] - values[start] < difference)
        if stop > max(start, reached):
            groups.append(tuple(names[start : stop + 1]))
            reached = stop
    return tuple(groups)


def wilcoxon_pairs(values: ArrayLike) -> Floats:
    """Two-sided Wilcoxon signed-rank p-value of every pair of methods, Holm-adjusted over all pairs.

    Args:
        values: [tasks, methods].

    Returns:
        float64[methods, methods], symmetric, ones on the diagonal and for methods that are equal everywhere.

    Raises:
        ValueError: unless every one of two or more methods has a finite value on every task.
    """
    from scipy.stats import wilcoxon

    table = _complete(values)
    pairs = list(itertools.combinations(range(table.shape[1]), 2))
    gaps = [table[:, first] - table[:, second] for first, second in pairs]
    adjusted = holm([float(wilcoxon(gap).pvalue) if gap.any() else 1.0 for gap in gaps])
    result = np.ones((table.shape[1], table.shape[1]))
    for (first, second), p_value in zip(pairs, adjusted, strict=True):
        result[first, second] = result[second, first] = p_value
    return result


@dataclass(frozen=True)
class MannWhitney:
    """The Mann-Whitney U test of two samples.

    Attributes:
        u: number of pairs of a value of the first and one of the second in which the first is larger, ties count half.
        share: `u` as a share of all pairs; 0.5 if neither tends to be larger.
        p_value: two-sided.
    """

    u: float
    share: float
    p_value: float


def mann_whitney(first: ArrayLike, second: ArrayLike) -> MannWhitney:
    """Whether one of two samples of independent draws tends to be larger, such as a method's tau over repeats.

    It needs no normal values and no pairs, and looks at ranks alone (Mann and Whitney, Annals of Mathematical
    Statistics, 1947). The p-value is exact for small samples without ties, otherwise that of the normal approximation.
    With fewer than four values on each side no p-value is below 0.05.

    Args:
        first: n values.
        second: m values.

    Raises:
        ValueError: unless both are vectors of at least one finite number.
    """
    from scipy.stats import mannwhitneyu

    samples = [as_floats(values, name) for values, name in ((first, "first"), (second, "second"))]
    for values in samples:
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise ValueError("the Mann-Whitney U test needs two vectors of at least one finite number")
    result = mannwhitneyu(*samples)
    u = float(result.statistic)
    return MannWhitney(u, u / (len(samples[0]) * len(samples[1])), float(result.pvalue))


def holm(p_values: ArrayLike) -> Floats:
    """Adjusted p-values that control the chance of any false positive (Holm, Scand. J. Statist. 1979): float64[m].

    Raises:
        ValueError: for a p-value outside [0, 1].
    """
    p = _p_values(p_values)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjusted p-values that control the share of false positives (Benjamini and Hochberg, JRSS B 1995): float64[m].

    Raises:
        ValueError: for a p-value outside [0, 1].
    """
    p = _p_values(p_values)
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.minimum.accumulate(steps[::-1])[::-1])
    return adjusted


def _ranks(table: Floats) -> Floats:
    """Rank of each method on each task, 1 the best: float64[tasks, methods]."""
    return np.stack([mean_ranks(-row) for row in table])


def _p_values(p_values: ArrayLike) -> Floats:
    p = as_floats(p_values, "p_values")
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values are a vector of numbers in [0, 1]; leave undefined ones out")
    return p


def _complete(values: ArrayLike) -> Floats:
    table = as_floats(values, "values")
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2 or not np.isfinite(table).all():
        raise ValueError("a comparison needs a finite value of every method on every task, two methods or more")
    return table
