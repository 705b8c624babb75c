"""`check_predictor`: whether a class keeps the contract of a predictor. For this package's own and for anybody's."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.arch import ArchBatch, ArchGraph
from predictors.errors import ConstantPredictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OPS = ("conv3x3", "conv1x1", "skip", "pool")
_EDGES = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4))


class ContractBroken(AssertionError):
    """A predictor that does not keep the contract; the message says which part."""


def example_batch(n: int, seed: int = 0) -> tuple[ArchBatch, NDArray[np.float64]]:
    """`n` small graphs with two columns, and targets that depend on both, float64[n]."""
    random = np.random.default_rng(seed)
    chosen = random.integers(0, len(_OPS), size=(n, 3))
    archs = [ArchGraph("example", ("input", *(_OPS[op] for op in row), "output"), _EDGES) for row in chosen]
    cost = random.uniform(0, 1, n)
    targets = (chosen == 0).sum(axis=1) + 0.5 * (chosen == 1).sum(axis=1) + cost
    columns = {
        "cost:params": cost,
        "proxy:noise": np.where(random.uniform(size=n) < 0.1, np.nan, random.normal(size=n)),
    }
    return ArchBatch(archs, columns), np.asarray(targets, dtype=np.float64)


def check_predictor(make: Callable[[], Any]) -> None:
    """Hold a predictor to the contract.

    Args:
        make: called without arguments, gives an unfitted predictor; a class whose arguments have defaults will do.

    Raises:
        ContractBroken: naming the first part of the contract that is not kept.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantPredictions)  # forty architectures are few, and no contract says more
        _check(make)


def _check(make: Callable[[], Any]) -> None:
    from sklearn.base import clone

    batch, targets = example_batch(40)
    model = make()
    _require(not any(name.endswith("_") and not name.startswith("_") for name in vars(model)), "is fitted before fit")
    _require(hasattr(model, "get_params"), "has no get_params; inherit predictors.base.Parameters")
    before = model.get_params()
    _require(model.fit(batch, targets) is model, "fit does not return self")
    _require(_same(before, model.get_params()), "fit changes the constructor's parameters")
    predicted = model.predict(batch)
    _require(isinstance(predicted, np.ndarray) and predicted.dtype == np.float64, "predict gives no float64 array")
    _require(predicted.shape == (40,), f"predict gives shape {np.shape(predicted)} for 40 architectures")
    _require(bool(np.isfinite(predicted).all()), "predict gives values that are not finite")
    again = clone(make()).fit(batch, targets).predict(batch)
    _require(bool(np.array_equal(again, predicted)), "two fits on the same data give different predictions")
    order = np.random.default_rng(0).permutation(40)
    _require(bool(np.allclose(model.predict(batch[order]), predicted[order])), "predictions depend on the other rows")
    copied = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    _require(bool(np.array_equal(copied.predict(batch), predicted)), "a pickled copy predicts something else")
    graphs = clone(make()).fit(list(batch.archs), targets).predict(list(batch.archs))
    _require(graphs.shape == (40,), "cannot work on a plain list of ArchGraph")
    if getattr(getattr(model, "tags", None), "has_std", False):
        _gives_deviations(model, batch)
    _require(model.predict(batch[:0]).shape == (0,), "cannot predict an empty batch")
    _refuses(make, batch, targets)


def _gives_deviations(model: Any, batch: ArchBatch) -> None:
    deviations = model.predict_std(batch)
    _require(
        isinstance(deviations, np.ndarray) and deviations.shape == (len(batch),), "predict_std gives another shape"
    )
    _require(
        bool(np.isfinite(deviations).all() and (deviations > 0).all()), "predict_std gives values that are not positive"
    )


def _refuses(make: Callable[[], Any], batch: ArchBatch, targets: NDArray[np.float64]) -> None:
    for bad, what in ((targets[:-1], "fewer targets than architectures"), (targets * np.nan, "targets that are NaN")):
        try:
            make().fit(batch, bad)
        except ValueError:
            continue
        raise ContractBroken(f"{type(make()).__name__} accepts {what}; raise ValueError")


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(one[name] is other[name] or one[name] == other[name] for name in one)


def _require(kept: bool, what: str) -> None:
    if not kept:
        raise ContractBroken(f"the predictor {what}")
