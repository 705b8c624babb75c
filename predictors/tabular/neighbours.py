"""Nearest neighbours among the training architectures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from predictors.encodings import EncodingLike
from predictors.tabular.base import DEFAULT_ENCODINGS, Tabular
from predictors.tabular.scaling import Scaled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class NearestNeighbours(Tabular):
    """The mean of the nearest training architectures, weighted by inverse distance of standardised rows.

    Args:
        neighbours: number of neighbours, or all if the training set is smaller.
        encodings, columns, target, space: as in Tabular.
        random_state: unused; the fit is deterministic.
    """

    def __init__(
        self,
        neighbours: int = 7,
        encodings: EncodingLike = DEFAULT_ENCODINGS,
        columns: bool = True,
        target: str = "rank",
        random_state: int = 0,
        space: Any = None,
    ) -> None:
        super().__init__(encodings, columns, target, random_state, space)
        self.neighbours = neighbours

    def _regressor(self, rows: NDArray[np.float64], targets: NDArray[np.float64]) -> Any:
        from sklearn.neighbors import KNeighborsRegressor

        count = min(self.neighbours, len(rows))
        return Scaled(KNeighborsRegressor(count, weights="distance")).fit(rows, targets)
