"""The predictor contract, and the parameter access that scikit-learn's tools need.

A predictor is a class with `fit(X, y) -> self` and `predict(X) -> float64[n]`, both in the units of the targets, where
larger is always better; X is an ArchBatch, a sequence of ArchGraph, or a sequence of text if the predictor has a space.
The constructor only stores its parameters, and attributes learned by `fit` end in `_`. No base class is required;
`Parameters` provides `get_params` and `set_params`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np

from predictors.arch import ArchBatch, ArchGraph
from predictors.errors import ConstantPredictions, MissingInput, unknown_name, warn_caller

if TYPE_CHECKING:
    from numpy.typing import NDArray

Architectures = ArchBatch | Sequence[ArchGraph] | Sequence[str]


@dataclass(frozen=True)
class Tags:
    """What a predictor can do.

    Attributes:
        has_std: whether it has `predict_std(X) -> float64[n]`.
    """

    has_std: bool = False


@runtime_checkable
class Predictor(Protocol):
    """The methods of every predictor."""

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from n architectures and their targets, where larger is better."""
        ...

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predictions in the units of the targets, float64[n]."""
        ...


class Parameters:
    """`get_params` and `set_params` from the constructor's signature, so that `sklearn.base.clone` works."""

    tags = Tags()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The current values of the constructor arguments."""
        names = [name for name in inspect.signature(type(self)).parameters if name != "self"]
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> Self:
        """Replace constructor arguments. Raises UnknownName if the constructor has no such parameter."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise unknown_name("parameter", name, known, f"of {type(self).__name__}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import RegressorTags, TargetTags
        from sklearn.utils import Tags as SklearnTags

        return SklearnTags(
            estimator_type="regressor",
            target_tags=TargetTags(required=True),
            regressor_tags=RegressorTags(),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return any(name.endswith("_") and not name.startswith("_") for name in vars(self))

    def score(self, X: Any, y: Any) -> float:
        """Kendall's tau-b of predictions and targets, which scikit-learn's model selection maximises by default.

        Raises:
            ValueError: if a target is not finite, or there is not exactly one per architecture.
        """
        from scipy.stats import kendalltau

        predict: Any = getattr(self, "predict")  # noqa: B009 - the class that inherits this has it
        archs = list(X) if isinstance(X, Iterator) else X
        return float(kendalltau(predict(archs), checked_targets(archs, y)).statistic)


def as_batch(X: Architectures, space: Any = None) -> ArchBatch:
    """The architectures as an ArchBatch.

    Args:
        X: an ArchBatch; or ArchGraph objects (or text, if there is a space) in a sequence, an iterator, an object
            array or a pandas Series.
        space: an object with `parse(text) -> ArchGraph`, or a function with that signature.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(X, ArchBatch):
        return X
    if isinstance(X, (str, ArchGraph, Mapping, Set)) or not isinstance(X, Iterable):
        raise TypeError(f"X must be an ArchBatch or a sequence of ArchGraph, not a single {type(X).__name__}")
    parse: Any = getattr(space, "parse", space)
    archs: list[ArchGraph] = []
    for arch in X:
        graph: Any = parse(arch) if parse is not None and isinstance(arch, str) else arch
        if isinstance(graph, str):
            raise TypeError(f"architecture {graph!r} is text; construct the predictor with its search space: space=...")
        if not isinstance(graph, ArchGraph):
            raise TypeError(f"X must be an ArchBatch or a sequence of ArchGraph; it contains {type(graph).__name__}")
        archs.append(graph)
    return ArchBatch.labelled(archs, X)


def require_graphs(X: ArchBatch, name: str) -> None:
    """Raise MissingInput if no architecture has a graph, for the predictor class `name`, which learns from graphs."""
    if len(X) and not any(len(arch) for arch in X):
        raise MissingInput(
            f"{name} learns from graphs, and these architectures are described by columns alone; use a predictor that "
            "reads columns, such as gbdt, extra_trees, gp or ridge"
        )


def checked_targets(X: ArchBatch | Sequence[Any], y: Any) -> NDArray[np.float64]:
    """Targets as float64[n].

    Args:
        X: n architectures.
        y: n numbers in any container, taken by position.

    Warns:
        IndexIgnored: if the pandas index of y implies a different order and X has no index.

    Raises:
        ValueError: if the number of targets differs from the number of architectures, a target is missing, infinite
            or too large to square, they are not real numbers, or their pandas index differs from that of X.
    """
    from predictors.inputs import as_floats

    targets = as_floats(y, "y")
    if targets.shape != (len(X),):
        raise ValueError(
            f"y has shape {targets.shape}; expected a vector with one target for each of {len(X)} architectures"
        )
    rows = X if isinstance(X, ArchBatch) else ArchBatch.labelled([], X)
    rows.require_rows(y, "y")
    missing, infinite = int(np.isnan(targets).sum()), int(np.isinf(targets).sum())
    if missing or infinite:
        raise ValueError(
            f"{missing + infinite} targets are not finite ({missing} missing, {infinite} infinite); "
            "remove those architectures"
        )
    if len(targets) and np.abs(targets).max() > LARGEST_TARGET:
        raise ValueError(
            f"a target has absolute value {np.abs(targets).max():g}, too large to square; divide the targets by a "
            f"constant so that they stay below {LARGEST_TARGET:g}"
        )
    return targets


def warn_of_few_predictions(
    name: str,
    targets: NDArray[np.float64],
    predict: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    remedy: str = "use more architectures, or inputs that distinguish them, such as columns or another encoding",
    fewest: int = 2,
) -> None:
    """Warn if a fitted predictor hardly distinguishes its training architectures although their targets differ.

    Args:
        name: name of the predictor.
        targets: float64[n], the training targets.
        predict: returns the predictions for positions int64[k] of the training set.
        remedy: what the user can do.
        fewest: required number of distinct predictions, or the number of distinct targets if that is smaller.

    Warns:
        ConstantPredictions: if there are fewer distinct predictions.
    """
    n = len(targets)
    wanted = min(fewest, len(np.unique(targets)))
    if wanted < 2 or n < _TOO_FEW:
        return
    # Most predictors distinguish some of these; then the rest need not be predicted.
    few = np.unique([*np.linspace(0, n - 1, min(n, _SAMPLED)).astype(np.int64), targets.argmin(), targets.argmax()])
    for positions in (few, np.arange(n)):
        found = len(np.unique(predict(positions)))
        if found >= wanted:
            return
    said = "the same" if found == 1 else f"one of {found} values"
    message = f"{name} predicts {said} for each of the {n} architectures it learned from, though their targets differ"
    warn_caller(f"{message}; {remedy}", ConstantPredictions)


_TOO_FEW = 5  # with fewer architectures, nobody expects an order to be learned
_SAMPLED = 32  # number of training architectures that are predicted first
LARGEST_TARGET = 1e100
"""Larger targets are rejected: their squares, and sums and products of those, would overflow."""
