"""The training-free variant of ParZC: node statistics summed with fixed, non-negative sinusoidal weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchBatch
from predictors.base import Architectures
from predictors.learner import Learner
from predictors.parzc.statistics import NodeScale, NodeValues, Supply, with_statistics
from predictors.units import Units

if TYPE_CHECKING:
    from predictors.learner import TrainingScores

Floats = NDArray[np.float64]


def node_weights(places: int, period: float) -> Floats:
    """(1 + sin(2 pi i / period)) / 2 for i from 0, float64[places], in [0, 1].

    Raises:
        ValueError: if the period is not above 0.
    """
    if not period > 0:
        raise ValueError(f"the period is {period}; it must be above 0")
    return np.asarray((1 + np.sin(2 * np.pi * np.arange(places) / period)) / 2)


@dataclass(eq=False, repr=False, kw_only=True)
class FreeParZC(Learner):
    """The mean of scaled node statistics over proxies and, weighted, over nodes. Targets do not change the order.

    Scores are learned from the architectures alone: each proxy's range at each node. The targets only give predictions
    their units. The score of an architecture without statistics is 0.

    Source: ParZC (Dong et al., AAAI 2025), the training-free variant with non-negative sinusoidal weights of the node
    index. The frequency and phase are not published; a period of 2 pi, and thus sin(i), is our interpretation.

    Args:
        proxies: names of node arrays, as in NodeScale; None for all.
        scale: as in NodeScale; scales that end in "minmax" keep training statistics in [0, 1].
        period: period of the sinusoid, in nodes.
        random_state: unused; the fit is deterministic.
        supply: a function that adds node arrays to a batch without any.
        space: as in `predictors.learner.Learner`.
    """

    proxies: str | Sequence[str] | None = None
    scale: str = "log-minmax"
    period: float = 2 * math.pi
    random_state: int = 0
    supply: Supply | None = None
    space: Any = None

    def _learn(self, batch: ArchBatch, targets: Floats) -> TrainingScores:
        scale = NodeScale(self.proxies, self.scale).fit(batch)
        self.weights_ = node_weights(scale.places_, self.period)
        self.scale_ = scale
        scores = self._scores(batch)
        self.units_ = Units.through(scores, targets)
        return lambda chosen: scores[chosen]

    def _scores(self, batch: ArchBatch) -> Floats:
        parts = [self._weighted(self.scale_.transform(chunk)) for chunk in self.scale_.chunks(batch)]
        return np.concatenate([np.empty(0), *parts])

    def _batch(self, X: Architectures) -> ArchBatch:
        return with_statistics(super()._batch(X), self.supply)

    def _weighted(self, nodes: NodeValues) -> Floats:
        weights = nodes.mask * self.weights_
        total = (nodes.values.mean(axis=2, dtype=np.float64) * weights).sum(axis=1)
        return np.asarray(total / self.weights_.sum())


def free_scores(batch: ArchBatch, **params: Any) -> Floats:
    """`FreeParZC` fitted to the whole population: a training-free score, float64[n].

    Can be ranked as the method "predictors.parzc:free_scores" on tasks whose columns are "all".
    """
    return FreeParZC(**params).fit(batch, np.zeros(len(batch))).scores(batch)
