"""RoBoT as published (He, Shu, Dai, Low, ICLR 2024, algorithm 1), as a setting of `RoBoT`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from proxybench.search.core.problem import Problem
from proxybench.search.searchers.robot import RoBoT

PAPER: dict[str, Any] = {"scale": "minmax", "missing": "skip", "proposals": "bo", "refit": False, "climb": False}


class PaperRoBoT(RoBoT):
    """RoBoT as published: weight vectors by Bayesian optimisation, then the best ranking from its top.

    Min-max normalisation, omitted terms for missing values, weights in [-1, 1]; all are options as in RoBoT.
    Exploration may pay for the whole budget.

    Source: He, Shu, Dai and Low, ICLR 2024, algorithm 1; as a setting of `RoBoT`.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        metrics: Sequence[str] | None = None,
        explore: int | None = None,
        **options: Any,
    ) -> None:
        count = max(1, int(budget)) if explore is None else explore
        super().__init__(problem, rng, budget, metrics, explore=count, **(PAPER | options))
