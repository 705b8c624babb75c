"""The mean of several multilayer perceptrons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from predictors.tabular.base import Tabular
from predictors.tabular.scaling import Scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(eq=False, repr=False, kw_only=True)
class MLP(Tabular):
    """The mean of `members` perceptrons with two hidden layers and different initialisations.

    Args:
        members: how many networks are trained and averaged, a number; in `ensemble` and `auto`, the argument of this
            name is a list of predictors.
        hidden: width of the first hidden layer; the second is half as wide.
        penalty: L2 penalty on the weights.
        epochs: number of epochs.
        encodings, columns, target, random_state, space: as in Tabular.
    """

    members: int = 3
    hidden: int = 64
    penalty: float = 1.0
    epochs: int = 100

    def _regressor(self, rows: Floats, targets: Floats) -> Any:
        return Scaled(_Networks(self)).fit(rows, targets)


class _Networks:
    def __init__(self, settings: MLP) -> None:
        self.settings = settings.get_params()

    def fit(self, rows: Floats, targets: Floats) -> Self:
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPRegressor

        chosen = self.settings
        self.members_ = [
            MLPRegressor(
                hidden_layer_sizes=(chosen["hidden"], max(1, chosen["hidden"] // 2)),
                alpha=chosen["penalty"],
                learning_rate_init=3e-3,
                batch_size=min(32, len(rows)),
                max_iter=chosen["epochs"],
                random_state=chosen["random_state"] * 1000 + number,
            )
            for number in range(chosen["members"])
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are the stopping rule
            for member in self.members_:
                member.fit(rows, targets)
        return self

    def predict(self, rows: Floats) -> Floats:
        """Mean of the networks, float64[n]."""
        return np.asarray(np.mean([member.predict(rows) for member in self.members_], axis=0))
