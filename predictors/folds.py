"""Random cross-validation folds of a training set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def random_folds(n: int, folds: int, random_state: int) -> list[NDArray[np.int64]]:
    """Split positions 0 to n - 1 at random into `folds` parts of about equal size."""
    order = np.random.default_rng(random_state).permutation(n)
    return [np.sort(part) for part in np.array_split(order, min(folds, n)) if len(part)]
