"""Bayesian optimisation among guided samples of a diffusion model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxybench.generation.guidance import Aim, fit_guide, guided
from proxybench.generation.meta import PROPERTY
from proxybench.generation.sampling import Gradient, Sampler
from proxybench.search.core.problem import InvalidProblem, Problem
from proxybench.search.parts.proposals import SEEDS, Proposals
from proxybench.search.searchers.guided import ModelGuided


class DiffusionSearch(ModelGuided):
    """BANANAS's loop, with guided samples instead of the random part of its pool.

    A predictor is fitted to the answers and applied to many candidates; a noise-aware guide is trained on its
    predictions and guides samples to the best of them; the acquisition function chooses among these and, as in the
    other loops here, the neighbours of the best so far. The answers are the only results used from the table; the
    candidates are known by their graphs.

    Source: An, Lee et al., "DiffusionNAG", ICLR 2024, section on BO-based NAS.

    Args:
        problem: the population to search.
        rng: source of randomness.
        budget: full trainings of the run; a quarter of it is random unless `start` says otherwise.
        predictor, acquisition, ensemble, start, warm: as in `ModelGuided`.
        every: queries between fits of the predictor.
        anew: queries between generations; by default an eighth of the budget, but at least ten.
        near: whether neighbours of the best so far are included; False uses only generated candidates, as in the
            paper.
        generator: file of a trained model, see `Proposals`.
        learn: training steps of a new model if the space has none.
        samples: samples drawn from the model in each step.
        times: time steps of a sample.
        labelled: maximum number of candidates whose predictions the guide is trained on.
        steps: training steps of the guide.
        share: the guide aims for the best fraction of this size.
        scale: scale of its gradient.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        predictor: Any = None,
        acquisition: str = "thompson",
        ensemble: int = 5,
        start: int | None = None,
        warm: bool = False,
        every: int = 5,
        anew: int | None = None,
        near: bool = True,
        generator: str | None = None,
        learn: int = 400,
        samples: int = 128,
        times: int = 30,
        labelled: int = 2000,
        steps: int = 300,
        share: float = 0.01,
        scale: float = 4.0,
    ) -> None:
        if min(samples, labelled - 1, steps) < 1:
            raise InvalidProblem(f"samples={samples}, steps={steps} must be at least 1, labelled={labelled} at least 2")
        super().__init__(problem, rng, budget, predictor, acquisition, ensemble, start, warm, samples, every)
        self._proposals = Proposals(problem, generator, learn, Sampler("em", times))
        self._samples, self._labelled, self._steps = samples, labelled, steps
        self._aim, self._scale = Aim(PROPERTY, "above", share=share), scale
        self._anew, self._near = max(10, int(budget) // 8) if anew is None else anew, near
        self._due, self._drawn = 0, np.empty(0, dtype=np.int64)

    def _candidates(self) -> NDArray[np.int64]:
        """Generated candidates and neighbours of the best; if too few, the pool of `ModelGuided` is added."""
        unseen = self._unseen()
        if len(self._answered) >= self._due or unseen[self._drawn].sum() < self._every:
            self._drawn = self._proposals.draw(self._samples, self._rng, self._gradient(), unseen)
            self._due = len(self._answered) + self._anew
        pool = self._drawn[unseen[self._drawn]].tolist()
        if self._near:
            pool += self._near_the_best(unseen)
        if len(pool) < self._every:
            pool += super()._candidates().tolist()
        return np.array(list(dict.fromkeys(pool)), dtype=np.int64)

    def _gradient(self) -> Gradient:
        queried, values = self._answers()
        size = min(self._labelled, len(self._problem))
        chosen = self._rng.choice(len(self._problem), size, replace=False)
        mean, _ = self._model.beliefs(queried, values, chosen)
        guide = fit_guide(
            self._proposals.model,
            [self._problem.archs[place] for place in chosen.tolist()],
            {PROPERTY: mean},
            hidden=64,
            steps=self._steps,
            batch=min(128, size),
            seed=int(self._rng.integers(SEEDS)),
        )
        return guided(guide, self._aim, self._scale)
