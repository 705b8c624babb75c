"""Answers of a search as rewards between 0 and 1: their ranks among the answers so far."""

from __future__ import annotations

import numpy as np

from proxybench.search.core.problem import Floats

_GROWTH = 1.5  # times the answers of the last renewal before all rewards are renewed


class RankedRewards:
    """The reward of an answer: the share of the answers at the last renewal that it exceeds, ties counted half.

    Args:
        places: number of places that can have an answer.
    """

    def __init__(self, places: int) -> None:
        self._values: Floats = np.full(places, np.nan)
        self._known: Floats = np.empty(0)
        self._rewards: Floats = np.zeros(places)
        self._count = 0

    def add(self, place: int, value: float) -> float:
        """Keep an answer, and return its reward; 0.5 before the first renewal."""
        self._values[place] = value
        self._rewards[place] = reward = float(self._of(np.array([value]))[0])
        self._count += 1
        return reward

    @property
    def outdated(self) -> bool:
        """Whether there are half as many answers again as at the last renewal."""
        return self._count >= max(2, _GROWTH * len(self._known))

    def renew(self) -> None:
        """Rank all answers again."""
        answered = np.flatnonzero(np.isfinite(self._values))
        self._known = np.sort(self._values[answered])
        self._rewards[answered] = self._of(self._values[answered])

    def between(self, low: int, high: int) -> float:
        """The sum of the rewards at places [low, high)."""
        return float(self._rewards[low:high].sum())

    def _of(self, values: Floats) -> Floats:
        if not len(self._known):
            return np.full(len(values), 0.5)
        below, up_to = (np.searchsorted(self._known, values, side) for side in ("left", "right"))
        return np.asarray((below + up_to) / 2 / len(self._known))
