"""The contract of a predictor, and the constructor parameters that scikit-learn's tools ask for.

A predictor is a class with `fit(X, y) -> self` and `predict(X) -> float64[n]`, larger always better; X is an
ArchBatch or a sequence of ArchGraph, or of text where the predictor was given a space. The constructor only stores
its parameters, what `fit` learns ends in `_`. Nothing needs to be inherited; `Parameters` spares writing
`get_params` and `set_params`.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from predictors.arch import ArchBatch, ArchGraph
from predictors.errors import unknown_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Architectures = ArchBatch | Sequence[ArchGraph] | Sequence[str]


@dataclass(frozen=True)
class Tags:
    """What a predictor can do.

    Attributes:
        has_std: whether it has `predict_std(X) -> float64[n]`.
        needs_columns: whether it uses the columns of an ArchBatch and nothing else.
    """

    has_std: bool = False
    needs_columns: bool = False


@runtime_checkable
class Predictor(Protocol):
    """What every predictor offers."""

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from n architectures and their targets, larger better."""
        ...

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predicted targets, float64[n]; only their order is meant."""
        ...


class Parameters:
    """`get_params` and `set_params` from the constructor's signature, so that `sklearn.base.clone` works."""

    tags = Tags()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments as they are now."""
        names = [name for name in inspect.signature(type(self)).parameters if name != "self"]
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> Self:
        """Replace constructor arguments. Raises UnknownName for a name the constructor does not have."""
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

    def score(self, X: Any, y: ArrayLike) -> float:
        """Kendall's tau-b of predictions and targets: what scikit-learn's model selection maximises by default."""
        from scipy.stats import kendalltau

        predict: Any = getattr(self, "predict")  # noqa: B009 - the class that inherits this has it
        return float(kendalltau(predict(X), y).statistic)


def as_batch(X: Architectures, space: Any = None) -> ArchBatch:
    """The architectures as an ArchBatch.

    Args:
        X: an ArchBatch, or a sequence of ArchGraph and, where there is a space, of text.
        space: an object with `parse(text) -> ArchGraph`, or such a function.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(X, ArchBatch):
        return X
    parse: Any = getattr(space, "parse", space)
    archs: list[ArchGraph] = []
    for arch in X:
        graph: Any = parse(arch) if parse is not None and isinstance(arch, str) else arch
        if isinstance(graph, str):
            raise TypeError(f"architecture {graph!r} is text; give the predictor its search space: space=...")
        if not isinstance(graph, ArchGraph):
            raise TypeError(f"X must be an ArchBatch or a sequence of ArchGraph; it holds a {type(graph).__name__}")
        archs.append(graph)
    return ArchBatch(archs)


def checked_targets(X: ArchBatch, y: ArrayLike) -> NDArray[np.float64]:
    """Targets as float64[n].

    Raises:
        ValueError: when their number is not that of the architectures, or one is not finite.
    """
    import numpy as np

    targets = np.asarray(y, dtype=np.float64)
    if targets.shape != (len(X),):
        raise ValueError(f"y has shape {targets.shape}; expected one target for each of {len(X)} architectures")
    if not np.isfinite(targets).all():
        raise ValueError(f"{int((~np.isfinite(targets)).sum())} targets are not finite; leave those architectures out")
    return targets


def orderable_targets(X: ArchBatch, y: ArrayLike) -> NDArray[np.float64]:
    """Targets as float64[n], of two architectures at least: what an order can be learned from.

    Raises:
        ValueError: for fewer, and as `checked_targets` raises.
    """
    targets = checked_targets(X, y)
    if len(targets) < 2:
        raise ValueError(f"an order cannot be learned from {len(targets)} architectures; give at least two")
    return targets
