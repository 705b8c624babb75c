"""The encoding protocol, the registry of built-in encodings, and the concatenation of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from predictors.arch import ArchBatch
from predictors.base import Parameters
from predictors.registry import Registry

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENCODINGS = Registry(
    "encoding",
    {
        "adjacency": "predictors.encodings.positions:Adjacency",
        "all-columns": "predictors.encodings.columns:Columns",
        "columns": "predictors.encodings.columns:columns_of_live",
        "curves": "predictors.encodings.curves:LearningCurves",
        "graph": "predictors.encodings.graph_features:GraphFeatures",
        "live": "predictors.encodings.live:LiveCounts",
        "nodes": "predictors.encodings.nodes:NodeStatistics",
        "onehot": "predictors.encodings.positions:OneHot",
        "paths": "predictors.encodings.paths:Paths",
        "reduced": "predictors.encodings.reduced:reduced_graph",
        "reduced-wl": "predictors.encodings.reduced:reduced_counts",
        "totals": "predictors.encodings.nodes:NodeTotals",
        "wl": "predictors.encodings.weisfeiler_lehman:WeisfeilerLehman",
    },
)


class Encoding(Protocol):
    """Converts a batch to float64[n, d]."""

    def fit(self, X: ArchBatch) -> Self:
        """Learn the labels and sizes of the training architectures."""
        ...

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        """One row per architecture, float64[n, d]; a row depends on its architecture alone."""
        ...


EncodingLike = str | Encoding | Sequence[str | Encoding]


class VaryingColumns(Parameters):
    """Base class of encodings that drop columns that are constant in the training set.

    Subclasses define `_learn(X)`, which learns from the training set, and `_rows(X)`, float64[n, all columns].
    """

    def _learn(self, X: ArchBatch) -> None:
        raise NotImplementedError

    def _rows(self, X: ArchBatch) -> NDArray[np.float64]:
        raise NotImplementedError

    def fit(self, X: ArchBatch) -> Self:
        self._learn(X)
        rows = self._rows(X) if len(X) else np.empty((0, 0))
        self.used_ = (rows != rows[:1]).any(axis=0)
        return self

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        if len(X) == 0 or not self.used_.any():
            return np.empty((len(X), int(self.used_.sum())))
        return self._rows(X)[:, self.used_]


class Joined(Parameters):
    """Several encodings concatenated in the given order; `parts` themselves stay unfitted.

    Attributes:
        parts_: the fitted copies.
        widths_: number of columns of each part; a nested Joined contributes one number for each of its parts.
    """

    def __init__(self, parts: Sequence[Encoding]) -> None:
        self.parts = parts

    def fit(self, X: ArchBatch) -> Self:
        from copy import deepcopy

        self.parts_ = [deepcopy(part).fit(X) for part in self.parts]
        self.widths_ = [width for part in self.parts_ for width in widths(part, X)]
        return self

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        if not self.parts_:
            return np.empty((len(X), 0))
        return np.concatenate([part.transform(X) for part in self.parts_], axis=1)


def widths(fitted: Encoding, X: ArchBatch) -> list[int]:
    """The number of columns of a fitted encoding, for each of its parts."""
    parts: list[int] | None = getattr(fitted, "widths_", None)
    return parts if parts is not None else [fitted.transform(X[:1]).shape[1]]


def encoding_parts(chosen: EncodingLike) -> list[Encoding]:
    """Unfitted encodings from a text such as "onehot+paths", an encoding, or a sequence of names and encodings.

    Raises:
        UnknownName: if a name is not in `ENCODINGS`.
        TypeError: if an object lacks `fit` or `transform`.
    """
    if isinstance(chosen, str):
        names = [name.strip() for name in chosen.split("+")]
        return [ENCODINGS[name]() for name in names if name]
    if isinstance(chosen, Sequence):
        return [part for one in chosen for part in encoding_parts(one)]
    other: Any = chosen
    if not (hasattr(other, "fit") and hasattr(other, "transform")):
        raise TypeError(f"an encoding needs fit(X) and transform(X); {type(other).__name__} does not have both")
    return [other]


def encoding(chosen: EncodingLike) -> Joined:
    """One unfitted encoding; arguments and errors as in `encoding_parts`."""
    return Joined(encoding_parts(chosen))
