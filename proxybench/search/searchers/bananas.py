"""BANANAS (White, Neiswanger, Savani, AAAI 2021), as a setting of `ModelGuided`."""

from __future__ import annotations

from typing import Any

import numpy as np

from proxybench.search.core.problem import Problem
from proxybench.search.searchers.guided import ModelGuided


class Bananas(ModelGuided):
    """BANANAS's loop: independent Thompson sampling, five members, refitted every fifth query; LightGBM by default.

    Source: White, Neiswanger and Savani, "BANANAS", AAAI 2021; as a setting of `ModelGuided`.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        predictor: Any = None,
        acquisition: str = "thompson",
        every: int = 5,
        **options: Any,
    ) -> None:
        super().__init__(problem, rng, budget, predictor, acquisition, every=every, **options)
