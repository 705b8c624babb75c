"""Metrics by name, and those of a leaderboard row. For the treatment of ties, NaN and constant scores see `policy`.

A name is a plain one (`kendall`, `kendall_a`, `spearman`, `pearson`) or a family with the size of its top:
`precision_at_10`, `regret_at_1`, `ndcg_at_50`, and with a share of the architectures that count:
`precision_at_1_percent`, `kendall_top_10_percent`, `best_rank_share_at_5_percent`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from proxybench.errors import unknown_name
from proxybench.ranking.correlation import kendall, kendall_a, kendall_top, pearson, spearman
from proxybench.ranking.policy import Top, answered, vectors
from proxybench.ranking.topk import (
    best_rank_at_k,
    best_rank_share_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    regret_at_k,
)

LEADERBOARD = (
    "kendall",
    "kendall_a",
    "spearman",
    "pearson",
    "kendall_top_10_percent",
    "precision_at_10",
    "precision_at_1_percent",
    "recall_at_10_percent",
    "ndcg_at_10",
    "regret_at_1",
    "regret_at_10",
    "best_rank_at_10",
)
TOP_SLICES = (  # also in a leaderboard row, for tops that grow with the population
    "kendall_top_20_percent",
    "kendall_top_5_percent",
    "precision_at_10_percent",
    "precision_at_5_percent",
    "ndcg_at_10_percent",
    "best_rank_share_at_10_percent",
    "best_rank_share_at_5_percent",
    "best_rank_share_at_1_percent",
)

_PLAIN: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "kendall": kendall,
    "kendall_a": kendall_a,
    "spearman": spearman,
    "pearson": pearson,
}
_OF_A_TOP: dict[str, Callable[[ArrayLike, ArrayLike, Any], float]] = {
    "kendall_top": kendall_top,
    "precision_at": precision_at_k,
    "recall_at": recall_at_k,
    "ndcg_at": ndcg_at_k,
    "regret_at": regret_at_k,
    "best_rank_at": best_rank_at_k,
    "best_rank_share_at": best_rank_share_at_k,
}
_NAME = re.compile(rf"({'|'.join(_OF_A_TOP)})_([1-9]\d*)(_percent)?")


@dataclass(frozen=True)
class RankMetric:
    """A named metric; call it with targets and scores to get its value.

    Attributes:
        name: the full name.
        family: the name without the size of the top.
        top: size of the top, or fraction of the architectures that count; None for a metric over all.
    """

    name: str
    family: str
    top: Top | None = None

    def __call__(self, y_true: ArrayLike, y_score: ArrayLike) -> float:
        if self.top is None:
            return _PLAIN[self.family](y_true, y_score)
        return _OF_A_TOP[self.family](y_true, y_score, self.top)


def get_metric(name: str) -> RankMetric:
    """The metric called `name`.

    Raises:
        UnknownName: for an unknown metric.
    """
    if name in _PLAIN:
        return RankMetric(name, name)
    match = _NAME.fullmatch(name)
    if match is None or (match[3] and int(match[2]) > 100):
        raise unknown_name("metric", name, [*_PLAIN, *(f"{family}_K[_percent]" for family in _OF_A_TOP)])
    return RankMetric(name, match[1], int(match[2]) / 100 if match[3] else int(match[2]))


def rank_metrics(y_true: ArrayLike, y_score: ArrayLike) -> dict[str, float]:
    """The metrics of a leaderboard row.

    Args:
        y_true: targets, n numbers in any container, larger is better.
        y_score: scores or predictions, n numbers in any container, larger is better.

    Returns:
        `kendall` (tau-b), `kendall_a`, `spearman`, `pearson`; `kendall_top_10_percent`, tau-b among the true top
        tenth; `precision_at_10`, `precision_at_1_percent`, `recall_at_10_percent`, `ndcg_at_10`; `regret_at_1` and
        `regret_at_10` (unit of the target); `best_rank_at_10` (1 is the best); the metrics of `TOP_SLICES`, such as
        `kendall_top_5_percent` and `best_rank_share_at_5_percent`; `answered`, how many count.

    Warns:
        IndexIgnored: if one is a pandas Series whose index is whole numbers other than 0 to n - 1, and the other
            has none.

    Raises:
        ValueError: unless both are vectors of the same length, of real numbers, and two pandas indices are equal.
    """
    target, score = vectors(y_true, y_score)
    values = {name: get_metric(name)(target, score) for name in (*LEADERBOARD, *TOP_SLICES)}
    return values | {"answered": float(answered(target, score).sum())}
