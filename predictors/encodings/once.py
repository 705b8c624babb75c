"""Equal graphs are encoded once: reduced ones are often equal, and few encodings are cheap."""

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
    """Another encoding, of each distinct graph; it sees no columns and no node arrays.

    Args:
        encoding: of graphs alone; stays unfitted, the fitted copy is `encoding_`.
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
    """The distinct graphs in the order in which they come first, and which of them each architecture has."""
    numbers: dict[object, int] = {}
    first: list[ArchGraph] = []
    which: list[int] = []
    for arch in X:
        number = numbers.setdefault((arch.ops, arch.edges, arch.attrs), len(numbers))
        if number == len(first):
            first.append(arch)
        which.append(number)
    return ArchBatch(first), which
