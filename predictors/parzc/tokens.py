"""Rows of numbers in addition to node statistics, one token per kind: proxy totals, columns, graph features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchBatch
from predictors.base import Parameters
from predictors.encodings import Encoding
from predictors.encodings.base import widths
from predictors.parzc.statistics import NodeScale
from predictors.tabular.rows import Rows
from predictors.tabular.scaling import Standard

Floats = NDArray[np.float64]

_AT_ONCE = 2048  # number of architectures encoded at once; larger arrays do not fit in the processor's cache


class RowTokens(Parameters):
    """Complete standardised rows, float32[n, width] for each kind.

    Missing values are estimated as in `tabular.rows.Rows`, and constant features are left out. The first encoding also
    gets a feature that says whether the output of an architecture is independent of the input.

    Args:
        parts: unfitted encodings.
        totals: a fitted NodeScale if the sums over nodes are to be the first kind.

    Attributes:
        widths_: width of each kind that has any features.
    """

    def __init__(self, parts: Sequence[Encoding], totals: NodeScale | None = None) -> None:
        self.parts = parts
        self.totals = totals

    def fit(self, X: ArchBatch) -> Self:
        self.rows_ = Rows(self.parts).fit(X) if self.parts else None
        parts = self.rows_.encoding_.parts_ if self.rows_ is not None else []
        self.ends_: NDArray[np.int64] = np.cumsum([sum(widths(part, X)) for part in parts], dtype=np.int64)
        self.medians_ = _medians(self.totals.totals(X)) if self.totals is not None else np.empty(0)
        found = self._features(X)
        self.scales_ = [Standard().fit(rows) for rows in found]
        self.kept_ = [np.flatnonzero(scale.weight_ > 0) for scale in self.scales_]
        self.widths_ = tuple(len(kept) for kept in self.kept_ if len(kept))
        return self

    def transform(self, X: ArchBatch) -> list[NDArray[np.float32]]:
        """One array for each of `widths_`."""
        found = [np.empty((len(X), width), dtype=np.float32) for width in self.widths_]
        for start in range(0, len(X), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            for rows, scaled in zip(found, self._scaled(X[part]), strict=True):
                rows[part] = scaled
        return found

    def _scaled(self, X: ArchBatch) -> list[Floats]:
        return [
            scale.transform(rows)[:, kept]
            for rows, scale, kept in zip(self._features(X), self.scales_, self.kept_, strict=True)
            if len(kept)
        ]

    def _features(self, X: ArchBatch) -> list[Floats]:
        found = []
        if self.totals is not None:
            totals = self.totals.totals(X)
            found.append(np.where(np.isnan(totals), self.medians_, totals))
        if self.rows_ is not None:
            rows = self.rows_.transform(X)
            kinds = np.split(rows[:, :-1], self.ends_[:-1], axis=1)
            found += [np.column_stack([kinds[0], rows[:, -1]]), *kinds[1:]]
        return found


def _medians(columns: Floats) -> Floats:
    """Median of the known values of each column, 0 if there are none."""
    return np.array([np.median(one[~np.isnan(one)]) if not np.isnan(one).all() else 0.0 for one in columns.T])
