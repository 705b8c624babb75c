"""ParZC: a predictor that reads zero-cost proxy values of the individual nodes of an architecture.

    from predictors.parzc import ParZC

    model = ParZC().fit(bench.batch("computed")[rows], accuracies)

The batch needs node arrays (`nodes:snip`). `ParZC` learns from accuracies; `PaperParZC` is ParZC with the settings of
the paper; `FreeParZC` weights nodes by a fixed sinusoid and needs no accuracies.
"""

from __future__ import annotations

from predictors.parzc.free import FreeParZC, free_scores
from predictors.parzc.model import PaperParZC, ParZC
from predictors.parzc.statistics import NodeScale, NoNodeStatistics

__all__ = ["FreeParZC", "NoNodeStatistics", "NodeScale", "PaperParZC", "ParZC", "free_scores"]
