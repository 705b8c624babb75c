"""Nearest neighbours among the training architectures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from predictors.tabular.base import Tabular
from predictors.tabular.scaling import Scaled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(eq=False, repr=False, kw_only=True)
class NearestNeighbours(Tabular):
    """The mean of the nearest training architectures, weighted by inverse distance of standardised rows.

    Args:
        neighbours: number of neighbours, or all if the training set is smaller.
        encodings, columns, target, space: as in Tabular.
        random_state: unused; the fit is deterministic.
    """

    neighbours: int = 7

    def _regressor(self, rows: NDArray[np.float64], targets: NDArray[np.float64]) -> Any:
        from sklearn.neighbors import KNeighborsRegressor

        count = min(self.neighbours, len(rows))
        return Scaled(KNeighborsRegressor(count, weights="distance")).fit(rows, targets)
