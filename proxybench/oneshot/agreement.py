"""How well estimates rank the architectures of a table: over all of them, and at the top.

The measures are those of Ning et al., "Evaluating Efficient Performance Estimators of Neural Architectures", NeurIPS
2021: tau over a whole space says little about its best architectures.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from proxybench.ranking.metrics import get_metric

MEASURES = (
    "kendall",
    "spearman",
    "kendall_top_20_percent",
    "precision_at_5_percent",
    "precision_at_10_percent",
    "precision_at_20_percent",
    "best_rank_at_1",
    "best_rank_at_5",
    "best_rank_at_10",
)


def agreement(accuracies: ArrayLike, estimates: ArrayLike) -> dict[str, float]:
    """The MEASURES of estimates of n architectures, larger is better, against their accuracies.

    `precision_at_5_percent` is the share of the estimated top 5 % that is in the true top 5 %; `best_rank_at_5` the
    best true rank among the five with the highest estimates, 1 being the best.
    """
    return {name: get_metric(name)(accuracies, estimates) for name in MEASURES}
