"""`check_predictor` checks that a class fulfils the predictor contract, for built-in and third-party predictors."""

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
_SHIFT = 1000.0  # added to targets that lie in a range of about 3
_EDGES = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4))


class ContractBroken(AssertionError):
    """A predictor breaks the contract; the message says which part."""


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
    """Check that a predictor fulfils the contract.

    Args:
        make: returns an unfitted predictor when called without arguments; a class whose arguments all have defaults
            will do.

    Raises:
        ContractBroken: if part of the contract is broken; names the first one found.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantPredictions)  # allowed by the contract, and 40 architectures are few
        _check(make)


def _check(make: Callable[[], Any]) -> None:
    from sklearn.base import clone

    batch, targets = example_batch(40)
    model = make()
    _require(not any(name.endswith("_") and not name.startswith("_") for name in vars(model)), "is fitted before fit")
    _require(hasattr(model, "get_params"), "has no get_params; inherit predictors.base.Parameters")
    before = model.get_params()
    _require(model.fit(batch, targets) is model, "does not return self from fit")
    _require(_same(before, model.get_params()), "changes its constructor parameters in fit")
    predicted = model.predict(batch)
    is_float64 = isinstance(predicted, np.ndarray) and predicted.dtype == np.float64
    _require(is_float64, "does not return a float64 array from predict")
    _require(predicted.shape == (40,), f"returns shape {np.shape(predicted)} from predict for 40 architectures")
    _require(bool(np.isfinite(predicted).all()), "returns values from predict that are not finite")
    again = clone(make()).fit(batch, targets).predict(batch)
    _require(bool(np.array_equal(again, predicted)), "makes different predictions after two fits on the same data")
    order = np.random.default_rng(0).permutation(40)
    _require(
        bool(np.allclose(model.predict(batch[order]), predicted[order])),
        "makes predictions that depend on the other rows",
    )
    copied = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    _require(bool(np.array_equal(copied.predict(batch), predicted)), "predicts differently after pickling")
    graphs = clone(make()).fit(list(batch.archs), targets).predict(list(batch.archs))
    _require(graphs.shape == (40,), "cannot work on a plain list of ArchGraph")
    if getattr(getattr(model, "tags", None), "has_std", False):
        _gives_deviations(model, batch)
    _require(model.predict(batch[:0]).shape == (0,), "cannot predict an empty batch")
    shifted = np.median(clone(make()).fit(batch, targets + _SHIFT).predict(batch)) - _SHIFT
    _require(
        bool(abs(shifted - np.median(targets)) < 2 * np.ptp(targets)),
        "returns values from predict that are not in the units of the targets",
    )
    _refuses(make, batch, targets)


def _gives_deviations(model: Any, batch: ArchBatch) -> None:
    deviations = model.predict_std(batch)
    _require(
        isinstance(deviations, np.ndarray) and deviations.shape == (len(batch),),
        "returns an array of the wrong shape from predict_std",
    )
    _require(
        bool(np.isfinite(deviations).all() and (deviations > 0).all()),
        "returns values from predict_std that are not positive and finite",
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
