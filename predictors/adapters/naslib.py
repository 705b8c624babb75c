"""A predictor with the interface that NASLib's searchers and evaluators expect; NASLib itself is not imported.

They call `pre_process` and `pre_compute` once, then `fit(xtrain, ytrain)` and `query(xtest)` any number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from predictors.base import Architectures
from predictors.errors import NotFitted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


class NASLibPredictor:
    """Wraps a predictor in NASLib's method names.

    Source: White et al., "How Powerful are Performance Predictors in Neural Architecture Search?", NeurIPS 2021.

    Args:
        predictor: an unfitted predictor; each `fit` trains a fresh copy and leaves the original unchanged.
        describe: converts k NASLib architectures to an ArchBatch, or to graphs or texts that the predictor accepts.
            For NAS-Bench-201 with text: `lambda archs: [text_of(arch.get_hash()) for arch in archs]`, with a predictor
            constructed with `space=...`. If None, architectures are passed on unchanged.

    Attributes:
        model_: the fitted copy.
    """

    def __init__(self, predictor: Any, describe: Callable[[Sequence[Any]], Architectures] | None = None) -> None:
        self.predictor = predictor
        self.describe = describe
        self.ss_type: str | None = None
        self.encoding_type: str | None = None

    def set_ss_type(self, ss_type: str) -> None:
        """Store NASLib's name for the search space; it has no effect, since predictors do not depend on the space."""
        self.ss_type = ss_type

    def pre_process(self) -> None:
        """Do nothing: the predictors of this package need only what is passed to `fit`."""

    def get_data_reqs(self) -> dict[str, Any]:
        """The extra data that NASLib should supply: unlabelled architectures, if the predictor can pre-train."""
        return {
            "requires_partial_lc": False,
            "metric": None,
            "requires_hyperparameters": False,
            "hyperparams": {},
            "unlabeled": hasattr(self.predictor, "pretrain"),
            "unlabeled_factor": 10,
        }

    def pre_compute(self, xtrain: Sequence[Any], xtest: Sequence[Any], unlabeled: Sequence[Any] | None = None) -> None:
        """Pre-train on the unlabelled architectures, if there are any and the predictor supports it."""
        from sklearn.base import clone

        if unlabeled is not None and len(unlabeled) and hasattr(self.predictor, "pretrain"):
            self.predictor = clone(self.predictor).pretrain(self._described(unlabeled))

    def fit(self, xtrain: Sequence[Any], ytrain: ArrayLike, train_info: object = None) -> None:
        """Learn from k architectures and their accuracies.

        `train_info` is ignored, since `get_data_reqs` requests none. Raises whatever the predictor's `fit` raises.
        """
        from sklearn.base import clone

        self.model_ = clone(self.predictor).fit(self._described(xtrain), ytrain)

    def query(self, xtest: Sequence[Any], info: object = None) -> NDArray[np.float64]:
        """Predictions, float64[k], larger is better; `info` is ignored. Raises NotFitted before `fit`."""
        if not hasattr(self, "model_"):
            raise NotFitted("NASLibPredictor is not fitted; call fit(xtrain, ytrain) first")
        predicted: NDArray[np.float64] = self.model_.predict(self._described(xtest))
        return predicted

    def requires_partial_training(self, xtest: Sequence[Any]) -> None:
        """Do nothing: no architecture needs partial training before it is predicted."""

    def _described(self, archs: Sequence[Any]) -> Architectures:
        return archs if self.describe is None else self.describe(archs)
