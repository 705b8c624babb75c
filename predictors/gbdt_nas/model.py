"""The predictor of GBDT-NAS: LightGBM with the published settings on the choices of an architecture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from predictors.base import Architectures
from predictors.errors import unknown_name
from predictors.gbdt_nas.byte_tables import ByteTables
from predictors.gbdt_nas.choices import Choice, ChoiceRows, Constraints
from predictors.gbdt_nas.pruning import PRUNINGS, PUBLISHED, first_order, harmful_pairs, second_order
from predictors.gbdt_nas.shapley import interaction_values
from predictors.gbdt_nas.trees import Leaf, trees
from predictors.learner import Learner
from predictors.targets import spread, standardised
from predictors.units import Units

if TYPE_CHECKING:
    from predictors.arch import ArchBatch
    from predictors.learner import TrainingScores

Floats = NDArray[np.float64]
_LEAVES_WORTH = 4  # with fewer leaves, a tree is only one or two comparisons


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


@dataclass(eq=False, repr=False, kw_only=True)
class ChoiceGBDT(Learner):
    """LightGBM on one-hot choices, with the Shapley values of these choices.

    Scores are predictions of the standardised targets.

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

    needs_graphs: ClassVar[bool] = True

    rounds: int = 100
    learning_rate: float = 0.05
    leaves: int = 31
    min_leaf: int = 20
    features: float = 0.9
    bagging: float = 0.8
    random_state: int = 0
    space: Any = None

    def fit_rows(self, encoding: ChoiceRows, rows: Floats, targets: Floats) -> Self:
        """Like `fit`, but from a fitted encoding and its rows, so that a search encodes its candidates only once."""
        self.encoding_ = encoding
        self.choices_: Sequence[Choice] = encoding.choices_
        self.booster_ = self._booster(rows, targets) if rows.shape[1] and len(rows) > 1 else None
        self.units_ = Units.straight(float(targets.mean()), spread(targets))
        for derived in ("trees_", "leaves_", "tables_"):
            self.__dict__.pop(derived, None)
        return self

    def score_rows(self, rows: Floats) -> Floats:
        """Like `scores`, but from encoded rows."""
        return self.tables_.scores(rows)

    def shapley_values(self, X: Architectures) -> Floats:
        """The contribution of each choice to the score, float64[n, d]; computed by LightGBM."""
        return self._shapley_values(self._rows(X))

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
            new = first_order(rows, self._shapley_values(rows), groups, at_most, removed)
            return before.joined(removed=[self.choices_[place] for place in new])
        interactions = interaction_values(self.leaves_, rows)
        if order == "second":
            new = second_order(rows, interactions, groups, at_most, removed)
            return before.joined(removed=[self.choices_[place] for place in new])
        pairs = harmful_pairs(rows, interactions, at_most, removed)
        return before.joined(apart=[[self.choices_[place] for place in pair] for pair in pairs])

    @cached_property
    def trees_(self) -> list[list[Leaf]]:
        """The leaves of each tree; empty if there was nothing to split on."""
        return [] if self.booster_ is None else trees(self.booster_)

    @cached_property
    def leaves_(self) -> list[Leaf]:
        """The leaves of all trees."""
        return [leaf for tree in self.trees_ for leaf in tree]

    @cached_property
    def tables_(self) -> ByteTables:
        """The trees in the form that scores rows of 0 and 1."""
        return ByteTables(self.trees_, len(self.choices_))

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
        batch = self._known(X)
        return self.encoding_.transform(batch.archs)

    def _shapley_values(self, rows: Floats) -> Floats:
        if self.booster_ is None or not len(rows):
            return np.zeros(rows.shape)
        return np.asarray(self.booster_.predict(rows, pred_contrib=True, num_threads=1))[:, :-1]

    def _learn(self, batch: ArchBatch, targets: Floats) -> TrainingScores:
        encoding = ChoiceRows().fit(batch.archs)
        rows = encoding.transform(batch.archs)
        self.fit_rows(encoding, rows, targets)
        return lambda chosen: self.score_rows(rows[chosen])

    def _scores(self, batch: ArchBatch) -> Floats:
        return self.score_rows(self.encoding_.transform(batch.archs))

    def _few_predictions(self) -> dict[str, Any]:
        enough = math.ceil(_LEAVES_WORTH * self.min_leaf / self.bagging)
        remedy = (
            f"each tree sees {self.bagging:.0%} of them, and a leaf needs at least {self.min_leaf}; use a smaller "
            f"min_leaf, such as min_leaf=3, or {enough} architectures or more"
        )
        return {"remedy": remedy, "fewest": _LEAVES_WORTH + 1}
