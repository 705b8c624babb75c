"""The in-band columns of a batch (proxies, costs) as they are, on a logarithmic scale, or as ranks."""

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
_KNOWN = 0.1  # share of the training part below which values say little but whether they are known


class Columns(Parameters):
    """The columns that the training part has, in the order of their names; NaN where there is no answer.

    Points of learning curves (`curve:...`) are left to `LearningCurves`. A column that answers for fewer than one in
    ten of the training part is left out, unless it is named.

    Args:
        scale: "raw"; "log" for sign(v) log(1 + |v|); "rank" for the share of the training part's values that lie
            below, linear between them, so 0 to 1 and not beyond.
        only: names, or prefixes that end in ":"; all others are left out. None for all.
        costs_of_dead: whether costs (`cost:...`) of architectures with dead operations are taken; else they are NaN.
            A latency counts what is computed in vain and so says less of what an architecture can do.

    Raises:
        UnknownName: in `fit`, for another scale, or a name in `only` that the batch does not have; in `transform`,
            for a batch that lacks a column of the training part.
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
    """Whether what is known of these architectures of the training part, bool[n], is enough to learn from: a tenth."""
    return bool(known.sum() >= _KNOWN * len(known))


def columns_of_live() -> Columns:
    """The columns of a batch, without the costs of architectures with dead operations."""
    return Columns(costs_of_dead=False)


def require_columns(X: ArchBatch, names: list[str]) -> None:
    """Raises UnknownName when the batch lacks one of the columns."""
    missing = [name for name in names if name not in X.columns]
    if missing:
        raise UnknownName(
            f"the batch lacks columns that the training part had: {', '.join(missing)}. Give an ArchBatch with "
            f"them; it has: {', '.join(sorted(X.columns)) or 'none'}."
        )


def signed_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """sign(v) log(1 + |v|), elementwise: monotone, and about v near 0."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def _share_below(values: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mid-rank share of `known`, sorted, that lies below each value, linear in between; NaN stays NaN."""
    if len(known) == 0:
        return np.where(np.isnan(values), np.nan, 0.5)
    distinct, first, counts = np.unique(known, return_index=True, return_counts=True)
    shares = (first + counts / 2) / len(known)
    return np.asarray(np.where(np.isnan(values), np.nan, np.interp(values, distinct, shares)))
