"""Which architectures count in a metric, and the treatment of ties, NaN and constant scores: one rule for all metrics.

- Larger is better, for scores and for targets.
- An architecture counts if both its target and its score are finite. The others, infinite ones included, are
  omitted and reported by `answered`; they never get a substitute value.
- Targets and scores come in any container (`predictors.inputs`) and are converted once. What a container marks as
  missing (a mask, None, pandas.NA, null) does not count; text and complex numbers are refused.
- No metric depends on the order in which architectures are listed. Correlations treat ties as their definitions say
  (tau-b, mean ranks). Where the top of the ranking by score is cut inside a group of equal scores, the value is the
  exact expectation over all orders of that group (McSherry and Najork, "Computing information retrieval performance
  measures efficiently in the presence of tied scores", ECIR 2008). The true top k by target holds every architecture
  at least as good as the k-th best, so it may hold more than k.
- Undefined metrics are NaN: a correlation if fewer than two architectures count or scores or targets are constant,
  a metric of the top k if fewer than k count. With constant scores the metrics of the top are still defined: they equal
  those of a random choice.
- A top is given by its size k, or as a fraction of the architectures that count: the top fraction f of n holds
  max(1, floor(f n)).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.inputs import aligned

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Weights = NDArray[np.signedinteger[Any]]
Top = int | float

_ROUNDING = 1e-9  # .29 * 100 is 28.999999999999996


def answered(y_true: Any, y_score: Any) -> Booleans:
    """Which architectures count: bool[n], both target and score finite.

    Raises:
        ValueError: unless both are vectors of the same length, of real numbers.
    """
    target, score = vectors(y_true, y_score)
    return np.isfinite(target) & np.isfinite(score)


def vectors(y_true: Any, y_score: Any) -> tuple[Floats, Floats]:
    """Targets and scores as float64[n] each, from any container; NaN where one is missing.

    Warns:
        IndexIgnored: where one is a pandas Series whose index is whole numbers other than 0 to n - 1, and the other
            has none.

    Raises:
        ValueError: unless both are vectors of the same length, of real numbers, and two pandas indices are equal.
    """
    target, score = aligned(y_true=y_true, y_score=y_score)
    if target.ndim != 1 or target.shape != score.shape:
        raise ValueError(f"y_true and y_score must be vectors of one length, not {target.shape} and {score.shape}")
    return target, score


def counted(y_true: Any, y_score: Any) -> tuple[Floats, Floats]:
    """Targets and scores of the architectures that count. Warns and raises as `vectors` does."""
    target, score = vectors(y_true, y_score)
    counts = np.isfinite(target) & np.isfinite(score)
    return target[counts], score[counts]


def as_columns(y_true: Any, scores: Any) -> tuple[Floats, Floats]:
    """Targets [n] and scores [n, m], from any container; scores [n] are one column.

    Warns:
        IndexIgnored: as `vectors` does.

    Raises:
        ValueError: unless scores have one row per target, both are real numbers, and two pandas indices are equal.
    """
    target, table = aligned(y_true=y_true, scores=scores)
    if table.ndim == 1:
        table = table[:, None]
    if target.ndim != 1 or table.ndim != 2 or len(table) != len(target):
        raise ValueError(f"scores must be [n] or [n, columns] for the targets' n, not {table.shape} and {target.shape}")
    return target, table


def top_size(top: Top, n: int) -> int:
    """How many architectures a top of `n` holds: `top` itself, or max(1, floor(top n)) of a fraction.

    Raises:
        ValueError: unless `top` is a positive integer or a fraction between zero and one.
    """
    if isinstance(top, (int, np.integer)) and not isinstance(top, bool) and top > 0:
        return int(top)
    if isinstance(top, float) and 0 < top <= 1:
        return max(1, math.floor(top * n + _ROUNDING))
    raise ValueError(f"a top is a positive integer or a fraction between 0 and 1, not {top!r}")
