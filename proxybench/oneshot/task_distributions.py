"""A factorised distribution over architectures for each of several tasks, which learn from one shared set of samples.

Wu et al., "FBNetV5: Neural Architecture Search for Multiple Tasks in One Run", 2021, section 3.3: samples drawn once
are worth, for a task, the ratio of its own probability to that with which they were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class TaskDistributions:
    """For each task a product of categorical distributions, restricted to the architectures of a population.

    Args:
        choices: the option of each choice of n architectures, int64[n, choices]; options need not be numbered densely.
        tasks: number of tasks.

    Attributes:
        logits: of the options of each task, float64[tasks, options], the options of all choices in a row.
    """

    def __init__(self, choices: Ints, tasks: int) -> None:
        numbers = [np.unique(column, return_inverse=True)[1] for column in choices.T]
        starts = np.cumsum([0, *(int(column.max()) + 1 for column in numbers)])
        self._places: Ints = np.stack(numbers, axis=1) + starts[:-1]
        self.logits: Floats = np.zeros((tasks, int(starts[-1])))

    def chances(self) -> Floats:
        """The probability of each architecture for each task, float64[tasks, n]."""
        sums = self.logits[:, self._places].sum(axis=2)
        weights = np.exp(sums - sums.max(axis=1, keepdims=True))
        chances: Floats = weights / weights.sum(axis=1, keepdims=True)
        return chances

    def shared(self) -> Floats:
        """The probability with which architectures are drawn for all tasks, float64[n]: the mean over the tasks.

        With it no sample weighs more than the number of tasks.
        """
        mean: Floats = self.chances().mean(axis=0)
        return mean

    def learn(self, drawn: Sequence[int] | Ints, drawn_from: Floats, rewards: Floats, rate: float) -> None:
        """A step of importance-weighted REINFORCE for every task, against the weighted mean reward.

        Args:
            drawn: k architectures.
            drawn_from: the probability of each when it was drawn, float64[k].
            rewards: float64[k, tasks], larger is better; standardised for each task.
            rate: of the step.
        """
        chances, rows = self.chances(), np.asarray(drawn)
        weights = chances[:, rows] / drawn_from
        for task, (own, all_chances) in enumerate(zip(weights, chances, strict=True)):
            own = own / own.sum()
            reward = rewards[:, task] - own @ rewards[:, task]
            spread = float(np.sqrt(own @ reward**2))
            if spread > 0:
                slope = self._mean_counts(rows, own * reward / spread)
                slope -= self._mean_counts(np.arange(len(all_chances)), all_chances) * (own @ reward) / spread
                self.logits[task] += rate * slope

    def _mean_counts(self, rows: Ints, weights: Floats) -> Floats:
        """How often options occur in architectures, each times its weight, float64[options]."""
        places = self._places[rows]
        weighted = np.repeat(weights, places.shape[1])
        return np.bincount(places.ravel(), weighted, self.logits.shape[1]).astype(np.float64)
