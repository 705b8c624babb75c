"""The predictor of GBDT-NAS: LightGBM with the published settings on the choices of an architecture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from predictors.base import (
    Architectures,
    Parameters,
    as_batch,
    checked_targets,
    require_graphs,
    warn_of_few_predictions,
)
from predictors.errors import NotFitted, unknown_name
from predictors.gbdt_nas.choices import Choice, ChoiceRows, Constraints
from predictors.gbdt_nas.pruning import PRUNINGS, PUBLISHED, first_order, harmful_pairs, second_order
from predictors.gbdt_nas.shapley import interaction_values, shapley_values
from predictors.gbdt_nas.trees import Leaf, leaves
from predictors.tabular.targets import spread, standardised

Floats = NDArray[np.float64]
_LEAVES_WORTH = 4  # with fewer leaves, a tree is no more than a comparison or two


def published_booster(rows: Floats, targets: Floats, random_state: int, **settings: Any) -> Any:
    """A LightGBM booster fitted with the settings of GBDT-NAS on standardised targets.

    100 rounds of 31 leaves, learning rate 0.05, 90 % of the features in each tree, 80 % of the rows, resampled every
    five trees; one thread.

    Args:
        rows: float64[n, d].
        targets: float64[n].
        random_state: seed of row and feature sampling.
        settings: LightGBM parameters that override the published ones.
    """
    import lightgbm

    published = {
        "objective": "regression", "num_iterations": 100, "learning_rate": 0.05, "num_leaves": 31,
        "feature_fraction": 0.9, "bagging_fraction": 0.8, "bagging_freq": 5,
        "seed": random_state, "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    data = lightgbm.Dataset(rows, standardised(targets), free_raw_data=True)
    rounds = settings.pop("num_iterations", published.pop("num_iterations"))
    return lightgbm.train({**published, **settings}, data, num_boost_round=rounds)


class ChoiceGBDT(Parameters):
    """LightGBM on one-hot choices, with the Shapley values of these choices.

    Args:
        rounds: number of boosting rounds.
        learning_rate: shrinkage of each round.
        leaves: maximum number of leaves of a tree.
        min_leaf: minimum number of architectures in a leaf; 20 as published. With fewer than about five times as many
            training architectures, trees have few leaves, and with fewer than 2.5 times as many they cannot split;
            `fit` warns if the predictions then take fewer than five values. For small training sets choose a smaller
            one, such as 3.
        features: fraction of the features that a tree may use.
        bagging: fraction of the architectures that a tree learns from, resampled every five trees.
        random_state: seed of row and feature sampling.
        space: an object with `parse(text) -> ArchGraph`, or a function with that signature; needed if architectures
            are given as text.

    Attributes:
        choices_: the choices of the columns.
        booster_: the fitted `lightgbm.Booster`.
    """

    def __init__(
        self,
        rounds: int = 100,
        learning_rate: float = 0.05,
        leaves: int = 31,
        min_leaf: int = 20,
        features: float = 0.9,
        bagging: float = 0.8,
        random_state: int = 0,
        space: Any = None,
    ) -> None:
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_leaf = min_leaf
        self.features = features
        self.bagging = bagging
        self.random_state = random_state
        self.space = space

    def fit(self, X: Architectures, y: ArrayLike) -> Self:
        """Learn from n architectures.

        Warns:
            ConstantPredictions: if there are so few architectures that the predictions take fewer than five values.

        Raises:
            ValueError: if targets are not finite or not n, or there are no architectures.
        """
        batch = as_batch(X, self.space)
        targets = checked_targets(batch, y)
        if not len(batch):
            raise ValueError("ChoiceGBDT needs at least one architecture to learn from")
        require_graphs(batch, "ChoiceGBDT")
        encoding = ChoiceRows().fit(batch.archs)
        rows = encoding.transform(batch.archs)
        self.fit_rows(encoding, rows, targets)
        warn_of_few_predictions(
            "ChoiceGBDT",
            targets,
            lambda chosen: self.predict_rows(rows[chosen]),
            f"each tree sees {self.bagging:.0%} of them, and a leaf needs at least {self.min_leaf}; use a smaller "
            f"min_leaf, such as min_leaf=3, or {math.ceil(_LEAVES_WORTH * self.min_leaf / self.bagging)} architectures "
            "or more",
            _LEAVES_WORTH + 1,
        )
        return self

    def fit_rows(self, encoding: ChoiceRows, rows: Floats, targets: Floats) -> Self:
        """Like `fit`, but from a fitted encoding and its rows, so that a search encodes its candidates only once."""
        self.encoding_ = encoding
        self.choices_: Sequence[Choice] = encoding.choices_
        self.booster_ = self._booster(rows, targets) if rows.shape[1] and len(rows) > 1 else None
        self.mean_ = float(targets.mean())
        self.deviation_ = spread(targets)
        self.__dict__.pop("leaves_", None)
        return self

    def predict(self, X: Architectures) -> Floats:
        """Predicted targets in their units, float64[n]. Raises NotFitted before `fit`."""
        return self.predict_rows(self._rows(X))

    def predict_rows(self, rows: Floats) -> Floats:
        """Like `predict`, but from encoded rows."""
        if self.booster_ is None or not len(rows):
            return np.full(len(rows), self.mean_)
        return np.asarray(self.booster_.predict(rows, num_threads=1)) * self.deviation_ + self.mean_

    def shapley_values(self, X: Architectures) -> Floats:
        """The contribution of each choice to the standardised prediction, float64[n, d]."""
        return shapley_values(self.leaves_, self._rows(X))

    def interaction_values(self, X: Architectures) -> Floats:
        """The contribution of each pair of choices to it, float64[n, d, d]; see predictors.gbdt_nas.shapley."""
        return interaction_values(self.leaves_, self._rows(X))

    def prune(
        self, X: Architectures, order: str, at_most: int = PUBLISHED, known: Constraints | None = None
    ) -> Constraints:
        """`known` plus the constraints found from the Shapley values on X.

        Args:
            X: architectures on which choices are judged; in the paper, those whose accuracy is known.
            order: "first", "second", "pairs" (see predictors.gbdt_nas.pruning), or "none".
            at_most: maximum number of choices to remove, or of pairs to keep apart.
            known: constraints so far.

        Raises:
            UnknownName: if the order is unknown.
            NotFitted: before `fit`.
        """
        return self.prune_rows(self._rows(X), order, at_most, known)

    def prune_rows(
        self, rows: Floats, order: str, at_most: int = PUBLISHED, known: Constraints | None = None
    ) -> Constraints:
        """Like `prune`, but from encoded rows."""
        if order not in PRUNINGS:
            raise unknown_name("order of pruning", order, PRUNINGS)
        before = Constraints() if known is None else known
        removed = {place for place, choice in enumerate(self.choices_) if choice in before.removed}
        groups = self.encoding_.groups_
        if order == "none":
            return before
        if order == "first":
            new = first_order(rows, shapley_values(self.leaves_, rows), groups, at_most, removed)
            return before.joined(removed=[self.choices_[place] for place in new])
        interactions = interaction_values(self.leaves_, rows)
        if order == "second":
            new = second_order(rows, interactions, groups, at_most, removed)
            return before.joined(removed=[self.choices_[place] for place in new])
        pairs = harmful_pairs(rows, interactions, at_most, removed)
        return before.joined(apart=[[self.choices_[place] for place in pair] for pair in pairs])

    @cached_property
    def leaves_(self) -> list[Leaf]:
        """The leaves of all trees; empty if there was nothing to split on."""
        return [] if self.booster_ is None else leaves(self.booster_)

    def _booster(self, rows: Floats, targets: Floats) -> Any:
        return published_booster(
            rows,
            targets,
            self.random_state,
            num_iterations=self.rounds,
            learning_rate=self.learning_rate,
            num_leaves=self.leaves,
            min_data_in_leaf=self.min_leaf,
            feature_fraction=self.features,
            bagging_fraction=self.bagging,
        )

    def _rows(self, X: Architectures) -> Floats:
        if not hasattr(self, "encoding_"):
            raise NotFitted("ChoiceGBDT is not fitted; call fit(X, y) first")
        return self.encoding_.transform(as_batch(X, self.space).archs)
