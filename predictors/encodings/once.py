"""Encodes equal graphs only once: reduced graphs are often equal, and encoding is expensive."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Self

from predictors.arch import ArchBatch, ArchGraph
from predictors.base import Parameters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from predictors.encodings.base import Encoding


class Once(Parameters):
    """Applies another encoding to each distinct graph, without columns or node arrays.

    Args:
        encoding: an encoding of graphs alone; it stays unfitted, and the fitted copy is `encoding_`.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding

    def fit(self, X: ArchBatch) -> Self:
        from predictors.encodings.base import widths

        graphs, _ = _distinct(X)
        self.encoding_ = deepcopy(self.encoding).fit(graphs)
        self.widths_ = widths(self.encoding_, graphs)
        return self

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        """float64[n, d]."""
        graphs, which = _distinct(X)
        return self.encoding_.transform(graphs)[which]


def _distinct(X: ArchBatch) -> tuple[ArchBatch, list[int]]:
    """The distinct graphs in order of first occurrence, and the number of each architecture's graph among them."""
    numbers: dict[object, int] = {}
    first: list[ArchGraph] = []
    which: list[int] = []
    for arch in X:
        number = numbers.setdefault((arch.ops, arch.edges, arch.attrs), len(numbers))
        if number == len(first):
            first.append(arch)
        which.append(number)
    return ArchBatch(first), which
