"""Architectures whose output sees no input: what a predictor says of them without having learned it.

Few of the architectures that are told are such, where a space has hundreds; none of them can be better than chance.
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
    """Which architectures are constant, bool[n]: the lowest that an accuracy can be, whatever else is known of them."""
    return np.array([is_constant(arch) for arch in archs], dtype=np.bool_)


def score_of_constants(
    constant: NDArray[np.bool_], targets: NDArray[np.floating[Any]], predicted: NDArray[np.floating[Any]] | None = None
) -> float:
    """What to score constant architectures: the mean target of those in the training part, or the lowest score there.

    Args:
        constant: bool[n], of the training part.
        targets: float[n].
        predicted: float[n], for a predictor that may go below the lowest target.
    """
    if constant.any():
        return float(targets[constant].mean())
    return float(targets.min() if predicted is None else min(targets.min(), predicted.min()))
