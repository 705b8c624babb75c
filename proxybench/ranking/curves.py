"""Sample efficiency: the results of a search that trains architectures in the order of their scores.

Ties by score are averaged over exactly, see `policy`; so is random search, by the order statistics of a sample drawn
without replacement. Nothing is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from predictors.inputs import as_floats, as_vector
from proxybench.ranking.policy import Floats, counted
from proxybench.ranking.topk import expected_best


def best_so_far(y_true: ArrayLike, y_score: ArrayLike, queries: Iterable[int]) -> Floats:
    """Expected best target after each number of queries, best score first: float64[len(queries)].

    NaN if there are more queries than architectures that count.

    Raises:
        ValueError: for a number of queries below one.
    """
    target, score = counted(y_true, y_score)
    return np.array([_found(target, score, number) for number in queries])


def best_so_far_at_random(y_true: ArrayLike, queries: Iterable[int]) -> Floats:
    """Expected best target after each number of queries of random search without replacement.

    With targets sorted downwards, E[best of q] = sum_j y_(j) C(n - j, q - 1) / C(n, q).

    Raises:
        ValueError: for a number of queries below one.
    """
    target = as_vector(y_true, "y_true")
    return best_so_far(target, np.zeros(len(target)), queries)


def queries_until(y_true: ArrayLike, y_score: ArrayLike, within: float) -> float:
    """Expected number of queries, best score first, until a target within `within` of the best of all is found.

    In a group of t equal scores with h such targets the first comes at place (t + 1) / (h + 1) on average. `within` is
    in the unit of the target; NaN if no architecture counts.
    """
    target, score = counted(y_true, y_score)
    if not len(target):
        return math.nan
    good = target >= target.max() - within
    first = score[good].max()
    tied = score == first
    return float((score > first).sum() + (tied.sum() + 1) / ((tied & good).sum() + 1))


def queries_until_at_random(y_true: ArrayLike, within: float) -> float:
    """Expected number of queries of random search without replacement until within `within` of the best."""
    target = as_vector(y_true, "y_true")
    return queries_until(target, np.zeros(len(target)), within)


def relative_improvement(method: ArrayLike, random: ArrayLike) -> float:
    """RI = 100 (Acc_m - Acc_r) / Acc_r of the mean accuracy of a method over that of random sampling, in percent.

    Yang, Esperanca and Carlucci, "NAS evaluation is frustratingly hard", ICLR 2020, section 3.
    """
    baseline = float(np.mean(as_floats(random, "random")))
    return 100 * (float(np.mean(as_floats(method, "method"))) - baseline) / baseline


def _found(target: Floats, score: Floats, queries: int) -> float:
    if queries < 1:
        raise ValueError(f"a search needs at least one query, not {queries}")
    if queries > len(target):
        return math.nan
    return expected_best(target, score, queries)
