"""ParZC: a predictor that reads what zero-cost proxies say of each node of an architecture.

    from predictors.parzc import ParZC

    model = ParZC().fit(bench.batch("computed")[rows], accuracies)

The batch has node arrays (`nodes:snip`). `ParZC` learns from accuracies; `PaperParZC` is it with the settings of the
paper; `FreeParZC` weighs nodes by a fixed sinusoid and learns from none.
"""

from __future__ import annotations

from predictors.parzc.free import FreeParZC, free_scores
from predictors.parzc.model import PaperParZC, ParZC
from predictors.parzc.statistics import NodeScale, NoNodeStatistics

__all__ = ["FreeParZC", "NoNodeStatistics", "NodeScale", "PaperParZC", "ParZC", "free_scores"]
