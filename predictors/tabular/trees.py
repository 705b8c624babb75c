"""Forests: random forest and extremely randomised trees, with the spread of their trees as standard deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from predictors.base import Architectures, Tags
from predictors.encodings import EncodingLike
from predictors.tabular.base import DEFAULT_ENCODINGS, Tabular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class _Forest(Tabular):
    tags = Tags(has_std=True)

    def __init__(
        self,
        trees: int = 200,
        features: float = 0.3,
        min_leaf: int = 1,
        encodings: EncodingLike = DEFAULT_ENCODINGS,
        columns: bool = True,
        target: str = "mixed",
        random_state: int = 0,
        threads: int = 1,
        space: Any = None,
    ) -> None:
        super().__init__(encodings, columns, target, random_state, space)
        self.trees = trees
        self.features = features
        self.min_leaf = min_leaf
        self.threads = threads

    def predict_std(self, X: Architectures) -> Floats:
        """Standard deviation of the trees' predictions, float64[n]."""
        return self.predict_std_rows(self._encoded(X))

    def predict_std_rows(self, encoded: Floats) -> Floats:
        """`predict_std` of rows that `rows_` has made."""
        import numpy as np

        if len(encoded) == 0:
            return np.empty(0)
        single = encoded.astype(np.float32)  # what the trees compare in; converted once and not by each tree
        answers = np.stack([tree.predict(single) for tree in self.regressor_.estimators_])
        return np.asarray(np.maximum(answers.std(axis=0), 1e-12) * self.scale_.deviation_)

    def _settings(self) -> dict[str, Any]:
        return {
            "n_estimators": self.trees,
            "max_features": self.features,
            "min_samples_leaf": self.min_leaf,
            "random_state": self.random_state,
            "n_jobs": self.threads,
        }


class RandomForest(_Forest):
    """Random forest (Breiman, 2001).

    Args:
        trees: how many.
        features: share of the features tried at each split.
        min_leaf: fewest architectures in a leaf.
        encodings, columns, target, random_state, space: as in Tabular.
        threads: that fit trees.
    """

    def _learn(self, rows: Floats, targets: Floats) -> Any:
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(**self._settings()).fit(rows, targets)


class ExtraTrees(_Forest):
    """Extremely randomised trees (Geurts et al., 2006): split points at random, every tree on all architectures.

    Arguments as in RandomForest.
    """

    def _learn(self, rows: Floats, targets: Floats) -> Any:
        from sklearn.ensemble import ExtraTreesRegressor

        return ExtraTreesRegressor(**self._settings()).fit(rows, targets)
