"""Architectures whose output does not depend on the input, and the score that predictors assign to them.

A space may contain hundreds of them, but training sets contain few; none can do better than chance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.arch import ArchGraph
from predictors.encodings.reduced import is_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray


def constants(archs: Iterable[ArchGraph]) -> NDArray[np.bool_]:
    """Which architectures are constant, bool[n]; their accuracy is the lowest possible, whatever else is known."""
    return np.array([is_constant(arch) for arch in archs], dtype=np.bool_)


def score_of_constants(
    constant: NDArray[np.bool_], targets: NDArray[np.floating[Any]], predicted: NDArray[np.floating[Any]] | None = None
) -> float:
    """The score for constant architectures: the mean target of those in the training set, else its lowest score.

    Args:
        constant: bool[n], for the training set.
        targets: float[n].
        predicted: float[n], for a predictor whose predictions may be below the lowest target.
    """
    if constant.any():
        return float(targets[constant].mean())
    return float(targets.min() if predicted is None else min(targets.min(), predicted.min()))
