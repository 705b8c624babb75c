"""The training-free variant of ParZC: node statistics summed with fixed, non-negative sinusoidal weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from predictors.arch import ArchBatch
from predictors.base import Architectures, Parameters, checked_targets, warn_of_few_predictions
from predictors.errors import NotFitted
from predictors.parzc.statistics import NodeScale, NodeValues, Supply, with_statistics

Floats = NDArray[np.float64]


def node_weights(places: int, period: float) -> Floats:
    """(1 + sin(2 pi i / period)) / 2 for i from 0, float64[places], in [0, 1].

    Raises:
        ValueError: if the period is not above 0.
    """
    if not period > 0:
        raise ValueError(f"the period is {period}; it must be above 0")
    return np.asarray((1 + np.sin(2 * np.pi * np.arange(places) / period)) / 2)


class FreeParZC(Parameters):
    """The mean of scaled node statistics over proxies and, weighted, over nodes. Targets are not used.

    `fit` learns from the architectures alone: each proxy's range at each node.

    Source: ParZC (Dong et al., AAAI 2025), the training-free variant with non-negative sinusoidal weights of the node
    index. The frequency and phase are not published; a period of 2 pi, and thus sin(i), is our interpretation.

    Args:
        proxies: names of node arrays, as in NodeScale; None for all.
        scale: as in NodeScale; scales that end in "minmax" keep training statistics in [0, 1].
        period: period of the sinusoid, in nodes.
        statistics: a function that adds node arrays to a batch without any.
    """

    def __init__(
        self,
        proxies: str | Sequence[str] | None = None,
        scale: str = "log-minmax",
        period: float = 2 * math.pi,
        statistics: Supply | None = None,
    ) -> None:
        self.proxies = proxies
        self.scale = scale
        self.period = period
        self.statistics = statistics

    def fit(self, X: Architectures, y: ArrayLike) -> Self:
        """Learn ranges. Raises as `ParZC.fit` does; targets are checked although they are not used."""
        batch = with_statistics(X, self.statistics)
        targets = checked_targets(batch, y)
        scale = NodeScale(self.proxies, self.scale).fit(batch)
        self.weights_ = node_weights(scale.places_, self.period)
        self.scale_ = scale
        warn_of_few_predictions(type(self).__name__, targets, lambda chosen: self.predict(batch[chosen]))
        return self

    def predict(self, X: Architectures) -> Floats:
        """Scores, float64[n], larger is better; 0 if an architecture has no statistics.

        Raises:
            NotFitted: before `fit`; other errors as in `ParZC.predict`.
        """
        if not hasattr(self, "scale_"):
            raise NotFitted(f"{type(self).__name__} is not fitted; call fit(X, y) first")
        batch = with_statistics(X, self.statistics)
        parts = [self._scores(self.scale_.transform(chunk)) for chunk in self.scale_.chunks(batch)]
        return np.concatenate([np.empty(0), *parts])

    def _scores(self, nodes: NodeValues) -> Floats:
        weights = nodes.mask * self.weights_
        total = (nodes.values.mean(axis=2, dtype=np.float64) * weights).sum(axis=1)
        return np.asarray(total / self.weights_.sum())


def free_scores(batch: ArchBatch, **params: Any) -> Floats:
    """`FreeParZC` fitted to the whole population: a training-free score, float64[n].

    Can be ranked as the method "predictors.parzc:free_scores" on tasks whose columns are "all".
    """
    return FreeParZC(**params).fit(batch, np.zeros(len(batch))).predict(batch)
