"""Statistics of scores against targets: intervals, paired differences, tests between methods, and noise ceilings.

    import proxybench as pb

    pb.stats.difference(accuracy, first_scores, second_scores)    # of Kendall's tau-b, with interval and p-value

These functions are used to build leaderboards; `proxybench.ranking` has one module per family.
"""

from __future__ import annotations

from proxybench.ranking.ceiling import NoiseCeiling, noise_ceiling, seed_to_seed_tau, share_of_ceiling
from proxybench.ranking.comparison import (
    CriticalDifference,
    Friedman,
    MannWhitney,
    average_ranks,
    benjamini_hochberg,
    critical_difference,
    friedman,
    holm,
    mann_whitney,
    nemenyi_difference,
    wilcoxon_pairs,
)
from proxybench.ranking.intervals import Difference, Interval, difference, interval, metric_intervals
from proxybench.ranking.metrics import rank_metrics
from proxybench.ranking.strata import Within, quantile_strata, within_strata

__all__ = [
    "CriticalDifference",
    "Difference",
    "Friedman",
    "Interval",
    "MannWhitney",
    "NoiseCeiling",
    "Within",
    "average_ranks",
    "benjamini_hochberg",
    "critical_difference",
    "difference",
    "friedman",
    "holm",
    "interval",
    "mann_whitney",
    "metric_intervals",
    "nemenyi_difference",
    "noise_ceiling",
    "quantile_strata",
    "rank_metrics",
    "seed_to_seed_tau",
    "share_of_ceiling",
    "wilcoxon_pairs",
    "within_strata",
]
