"""Random forest and extremely randomised trees, with standard deviations from the spread of their trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.folds import random_folds
from predictors.tabular.base import UncertainTabular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


_FOLDS = 5


@dataclass(eq=False, repr=False, kw_only=True)
class _Forest(UncertainTabular):
    trees: int = 200
    features: float = 0.3
    min_leaf: int = 1
    target: str = "mixed"
    threads: int = 1

    def deviation_rows(self, encoded: Floats) -> Floats:
        return np.asarray(np.maximum(_of_trees(self.regressor_, encoded)[1], 1e-12))

    def _left_out(self) -> tuple[Floats, Floats]:
        rows, targets = self.training_
        rows, targets = rows[rows[:, -1] == 0], targets[rows[:, -1] == 0]  # trees do not predict constant ones
        residuals, deviations = np.full((2, len(targets)), np.nan)
        few = {**self._settings(), "n_estimators": max(20, self.trees // _FOLDS)}
        for left_out in random_folds(len(targets), _FOLDS, self.random_state) if len(targets) > 1 else ():
            kept = np.setdiff1d(np.arange(len(targets)), left_out)
            mean, deviations[left_out] = _of_trees(self._forest(few).fit(rows[kept], targets[kept]), rows[left_out])
            residuals[left_out] = targets[left_out] - mean
        return residuals, deviations

    def _regressor(self, rows: Floats, targets: Floats) -> Any:
        self.training_ = rows, targets
        return self._forest(self._settings()).fit(rows, targets)

    def _forest(self, settings: dict[str, Any]) -> Any:
        raise NotImplementedError

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

    Standard deviations are those of the trees' predictions, calibrated on residuals from 5-fold cross-validation. For
    these the first call of `predict_std` grows a fifth of the trees for each fold.

    Args:
        trees: number of trees.
        features: fraction of the features tried at each split.
        min_leaf: minimum number of architectures in a leaf.
        encodings, columns, target, random_state, space: as in Tabular.
        threads: number of threads.
    """

    def _forest(self, settings: dict[str, Any]) -> Any:
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(**settings)


class ExtraTrees(_Forest):
    """Extremely randomised trees (Geurts et al., 2006): random split points, and every tree uses all architectures.

    Arguments as in RandomForest.
    """

    def _forest(self, settings: dict[str, Any]) -> Any:
        from sklearn.ensemble import ExtraTreesRegressor

        return ExtraTreesRegressor(**settings)


def _of_trees(forest: Any, rows: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the trees' predictions, float64[n] each."""
    single = rows.astype(np.float32)  # the trees' own dtype; converted once rather than by each tree
    answers = np.stack([tree.predict(single) for tree in forest.estimators_])
    return answers.mean(axis=0), answers.std(axis=0)
