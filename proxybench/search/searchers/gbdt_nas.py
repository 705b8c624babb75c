"""GBDT-NAS as a search: trees fitted to the choices of evaluated candidates rank the rest, optionally pruned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictors.errors import unknown_name
from predictors.gbdt_nas import PRUNINGS, ChoiceGBDT, ChoiceRows, Constraints
from predictors.gbdt_nas.pruning import PUBLISHED
from proxybench.search.core.problem import Floats, InvalidProblem, Problem
from proxybench.search.parts.batches import BatchSearch, best_last

_FEATURES = 147  # choices in the search space for the published number of removed choices: 21 layers, 7 operations
_LARGEST = 1000  # the published N and K: architectures drawn at first, and evaluated per iteration


class GBDTNAS(BatchSearch):
    """Queries `start` random candidates, then in each iteration the `every` best predicted of the remaining ones.

    With pruning, each of the first `prunings` iterations removes choices by the Shapley values on all answers, and
    candidates with a removed choice are queried only if no others are left.

    Source: Luo et al., "Accuracy Prediction with Non-neural Model for Neural Architecture Search", arXiv
    2007.04785.

    Args:
        problem: the population to search; all of it is encoded and ranked.
        rng: source of randomness.
        budget: full trainings of the run.
        start: random queries before the first fit (the paper's N); by default a quarter of the budget, at most 1,000.
        every: queries between fits (the paper's K); by default a tenth of the budget, at most 1,000.
        pool: candidates ranked in each iteration, drawn from those left (the paper's M); by default all of them.
        pruning: "none" for GBDT-NAS, "first" or "second" for GBDT-NAS-S, "pairs" (see predictors.gbdt_nas.pruning).
        prunings: iterations that prune (the published search has 3 in all).
        at_most: choices removed in each; by default 20 for 147, as published.
        floor: answers below it are not used in training, as the published code drops accuracies below 85 percent; None
            uses all.
        min_leaf: fewest architectures in a leaf of a tree.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        budget: float,
        start: int | None = None,
        every: int | None = None,
        pool: int | None = None,
        pruning: str = "none",
        prunings: int = 3,
        at_most: int | None = None,
        floor: float | None = None,
        min_leaf: int = 20,
    ) -> None:
        start = max(2, min(_LARGEST, int(budget) // 4)) if start is None else start
        self._every = max(1, min(_LARGEST, int(budget) // 10)) if every is None else every
        self._pool = len(problem) if pool is None else pool
        if start < 1 or self._every < 1 or self._pool < 1:
            raise InvalidProblem(f"start={start}, every={self._every} and pool={self._pool} must be at least 1")
        if pruning not in PRUNINGS:
            raise unknown_name("order of pruning", pruning, PRUNINGS)
        super().__init__(problem, rng, rng.permutation(len(problem))[:start].tolist())
        self._encoding, self._rows = problem.cached(choice_rows)
        self._pruning = pruning
        self._prunings_left = prunings
        features = self._rows.shape[1]
        self._at_most = max(1, round(PUBLISHED * features / _FEATURES)) if at_most is None else at_most
        self._floor = -np.inf if floor is None else floor
        self._min_leaf = min_leaf
        self.constraints = Constraints()

    def _choose(self) -> list[int]:
        unseen = self._unseen()
        if not unseen.any():
            return []
        model = self._fitted()
        if self._prunings_left > 0:
            queried = self._rows[list(self._answered)]
            self.constraints = model.prune_rows(queried, self._pruning, self._at_most, self.constraints)
            self._prunings_left -= 1
        left = self._drawn(unseen)
        return best_last(left, model.score_rows(self._rows[left]), self._every)

    def _fitted(self) -> ChoiceGBDT:
        queried, values = self._answers()
        used = values >= self._floor
        if not used.any():
            used[:] = True
        model = ChoiceGBDT(min_leaf=self._min_leaf, random_state=int(self._rng.integers(2**31)))
        return model.fit_rows(self._encoding, self._rows[queried[used]], values[used])

    def _drawn(self, unseen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """At most `pool` unevaluated candidates that meet the constraints, or any if none does, in random order."""
        allowed = unseen & self.constraints.allowed_rows(self._rows, self._encoding.choices_)
        return self._rng.permutation(np.flatnonzero(allowed if allowed.any() else unseen))[: self._pool]


def choice_rows(problem: Problem) -> tuple[ChoiceRows, Floats]:
    """The choices of all candidates, which are free unlike the answers, and their rows."""
    encoding = ChoiceRows().fit(problem.archs)
    rows = encoding.transform(problem.archs)
    rows.flags.writeable = False
    return encoding, rows
