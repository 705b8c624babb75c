"""The columns of a batch (proxies, costs), raw, on a logarithmic scale, or as ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from predictors.arch import ArchBatch
from predictors.base import Parameters
from predictors.encodings.reduced import has_dead_operations
from predictors.errors import UnknownName, unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

CURVE = "curve:"
COST = "cost:"
SCALES = ("raw", "log", "rank")
_KNOWN = 0.1  # fraction of the training set; values known for less say little except whether they are known


class Columns(Parameters):
    """The columns of the training set, in alphabetical order; NaN where a value is missing.

    Points of learning curves (`curve:...`) are left to `LearningCurves`. A column with values for fewer than one in
    ten training architectures is left out, unless `only` names it.

    Args:
        scale: "raw"; "log" for sign(v) log(1 + |v|); "rank" for the fraction of training values below the value,
            interpolated linearly and always within [0, 1].
        only: names, or prefixes that end in ":"; all other columns are left out. None for all columns.
        costs_of_dead: whether costs (`cost:...`) of architectures with dead operations are used; if not, they are NaN.
            Costs include operations that have no effect, so they say less about the accuracy of such architectures.

    Raises:
        UnknownName: in `fit`, if the scale is unknown or the batch lacks a name in `only`; in `transform`, if the
            batch lacks a column of the training set.
    """

    def __init__(
        self,
        scale: Literal["raw", "log", "rank"] = "raw",
        only: tuple[str, ...] | None = None,
        costs_of_dead: bool = True,
    ) -> None:
        self.scale = scale
        self.only = only
        self.costs_of_dead = costs_of_dead

    def fit(self, X: ArchBatch) -> Self:
        if self.scale not in SCALES:
            raise unknown_name("scale", self.scale, SCALES)
        self.names_ = sorted(name for name in X.columns if not name.startswith(CURVE))
        named = [name for name in self.only or () if not name.endswith(":")]
        for name in named:
            if name not in X.columns:
                raise unknown_name("column", name, X.columns)
        if self.only is not None:
            self.names_ = [name for name in self.names_ if self._wanted(name)]
        self.names_ = [name for name in self.names_ if name in named or widely_known(np.isfinite(X.column(name)))]
        if self.scale == "rank":
            self.known_ = [np.sort(v[np.isfinite(v)]) for v in (X.column(name) for name in self.names_)]
        return self

    def transform(self, X: ArchBatch) -> NDArray[np.float64]:
        require_columns(X, self.names_)
        if not self.names_:
            return np.empty((len(X), 0))
        rows = np.column_stack([X.column(name) for name in self.names_])
        costs = np.array([name.startswith(COST) for name in self.names_])
        if costs.any() and not self.costs_of_dead:
            vain = np.array([has_dead_operations(arch) for arch in X], dtype=bool)
            rows[vain[:, None] & costs] = np.nan
        if self.scale == "log":
            return signed_log(rows)
        if self.scale == "rank":
            return np.column_stack([_share_below(rows[:, i], known) for i, known in enumerate(self.known_)])
        return rows

    def _wanted(self, name: str) -> bool:
        return any(name == one or (one.endswith(":") and name.startswith(one)) for one in self.only or ())


def widely_known(known: NDArray[np.bool_]) -> bool:
    """Whether values are known for enough training architectures (at least a tenth); `known` is bool[n]."""
    return bool(known.sum() >= _KNOWN * len(known))


def columns_of_live() -> Columns:
    """The columns of a batch, without the costs of architectures with dead operations."""
    return Columns(costs_of_dead=False)


def require_columns(X: ArchBatch, names: list[str]) -> None:
    """Raise UnknownName if the batch lacks one of the columns."""
    missing = [name for name in names if name not in X.columns]
    if missing:
        raise UnknownName(
            f"the batch lacks columns that the training set had: {', '.join(missing)}. Pass an ArchBatch that has "
            f"them; this one has: {', '.join(sorted(X.columns)) or 'none'}."
        )


def signed_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """sign(v) log(1 + |v|), elementwise: monotone, and close to v near 0."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def _share_below(values: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mid-rank fraction of the sorted `known` values below each value, interpolated linearly; NaN stays NaN."""
    if len(known) == 0:
        return np.where(np.isnan(values), np.nan, 0.5)
    distinct, first, counts = np.unique(known, return_index=True, return_counts=True)
    shares = (first + counts / 2) / len(known)
    return np.asarray(np.where(np.isnan(values), np.nan, np.interp(values, distinct, shares)))
