"""A predictor in the form that NASLib's searchers and evaluators call; NASLib itself is not imported.

They call `pre_process`, `pre_compute`, then any number of times `fit(xtrain, ytrain)` and `query(xtest)`.
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
    """A predictor behind NASLib's method names.

    Source: White et al., "How Powerful are Performance Predictors in Neural Architecture Search?", NeurIPS 2021.

    Args:
        predictor: unfitted; every `fit` learns anew with a copy of it, and it stays as it is.
        describe: k of NASLib's architectures to an ArchBatch, or to graphs or texts that the predictor takes. For
            NAS-Bench-201 with text: `lambda archs: [text_of(arch.get_hash()) for arch in archs]`, with the predictor
            given `space=...`. Without it they are taken as they are.

    Attributes:
        model_: the fitted copy.
    """

    def __init__(self, predictor: Any, describe: Callable[[Sequence[Any]], Architectures] | None = None) -> None:
        self.predictor = predictor
        self.describe = describe
        self.ss_type: str | None = None
        self.encoding_type: str | None = None

    def set_ss_type(self, ss_type: str) -> None:
        """The search space's name in NASLib; kept, and of no effect, since predictors know no spaces."""
        self.ss_type = ss_type

    def pre_process(self) -> None:
        """Nothing: no predictor of this package needs what is not given to `fit`."""

    def get_data_reqs(self) -> dict[str, Any]:
        """What NASLib shall give beside architectures: unlabelled ones, to predictors that learn from these first."""
        return {
            "requires_partial_lc": False,
            "metric": None,
            "requires_hyperparameters": False,
            "hyperparams": {},
            "unlabeled": hasattr(self.predictor, "pretrain"),
            "unlabeled_factor": 10,
        }

    def pre_compute(self, xtrain: Sequence[Any], xtest: Sequence[Any], unlabeled: Sequence[Any] | None = None) -> None:
        """Pre-train on the unlabelled architectures, where there are some and the predictor can."""
        from sklearn.base import clone

        if unlabeled is not None and len(unlabeled) and hasattr(self.predictor, "pretrain"):
            self.predictor = clone(self.predictor).pretrain(self._described(unlabeled))

    def fit(self, xtrain: Sequence[Any], ytrain: ArrayLike, train_info: object = None) -> None:
        """Learn from k architectures and their accuracies.

        `train_info` is what `get_data_reqs` asks for, and so nothing. Raises what the predictor's `fit` raises.
        """
        from sklearn.base import clone

        self.model_ = clone(self.predictor).fit(self._described(xtrain), ytrain)

    def query(self, xtest: Sequence[Any], info: object = None) -> NDArray[np.float64]:
        """Predictions, float64[k], larger better; `info` is of no effect. NotFitted before `fit`."""
        if not hasattr(self, "model_"):
            raise NotFitted("NASLibPredictor is not fitted; call fit(xtrain, ytrain) first")
        predicted: NDArray[np.float64] = self.model_.predict(self._described(xtest))
        return predicted

    def requires_partial_training(self, xtest: Sequence[Any]) -> None:
        """None: no architecture needs to be trained before it is predicted."""

    def _described(self, archs: Sequence[Any]) -> Architectures:
        return archs if self.describe is None else self.describe(archs)
