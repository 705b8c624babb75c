"""Bootstrap resamples of architectures, each reproducible on its own.

Resample r of seed s draws n of n rows with replacement from `numpy.random.default_rng((s, r))`. So it does not depend
on the number of resamples, their order or the number of threads, and all columns share the same resamples.
"""

from __future__ import annotations

import numpy as np

from proxybench.ranking.policy import Integers, Weights


def resample(n: int, seed: int, number: int) -> Integers:
    """Rows of resample `number`: int64[n]."""
    return np.random.default_rng((seed, number)).integers(0, n, n)


def weight_type(n: int) -> type[np.int16 | np.int32]:
    """The narrowest type that can count n drawn architectures, for as many lanes per vector register as possible."""
    return np.int16 if n <= np.iinfo(np.int16).max else np.int32


def lanes_for(n: int) -> int:
    """Number of resamples to process at once: a row of weights fills two cache lines of 64 bytes."""
    return 128 // np.dtype(weight_type(n)).itemsize


def resample_weights(n: int, seed: int, start: int, stop: int) -> Weights:
    """Number of times that each row is drawn in resamples `start` to `stop` - 1: [n, lanes]; unused lanes are zero."""
    drawn = np.zeros((lanes_for(n), n), dtype=weight_type(n))
    for lane, number in enumerate(range(start, stop)):
        drawn[lane] = np.bincount(resample(n, seed, number), minlength=n)
    return np.ascontiguousarray(drawn.T)
