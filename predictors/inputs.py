"""The door of public functions: arrays of float64 from any container, and pandas indices that must agree.

Values are taken by position. A pandas object also says by its index which row a value belongs to; where that
contradicts the position, a warning says so, and where two indices contradict each other, the values are refused.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from predictors.containers import as_numbers, to_float64
from predictors.errors import IndexIgnored, InvalidValues, warn_caller

Floats = NDArray[np.float64]
_REMEDY = "pass .to_numpy() to take values by position, or .loc[...] to bring them into one order"


def as_floats(values: Any, what: str = "values") -> Floats:
    """The numbers of a container as float64 of the same shape; NaN where a value is missing.

    Args:
        values: any container, see `predictors.containers.as_numbers`.
        what: names the values in error messages.

    Raises:
        InvalidValues: for what is not real numbers, and for integers beyond 2^53.
    """
    if type(values) is np.ndarray and values.dtype == np.float64:
        return values
    return to_float64(as_numbers(values, what), what)


def as_vector(values: Any, what: str = "values") -> Floats:
    """The numbers of a container as float64[n]; NaN where a value is missing.

    Raises:
        InvalidValues: as `as_floats` raises, and for any other shape, a column [n, 1] included.
    """
    vector = as_floats(values, what)
    if vector.ndim != 1:
        raise InvalidValues(f"{what} must be a vector, and has shape {vector.shape}{_flattened(vector)}")
    return vector


def as_scalar(value: Any, what: str = "value") -> float:
    """One number as float; NaN where it is missing.

    Raises:
        InvalidValues: as `as_floats` raises, and for more than one number.
    """
    number = as_floats(value, what)
    if number.ndim:
        raise InvalidValues(f"{what} must be one number, and has shape {number.shape}")
    return float(number)


def aligned(**named: Any) -> tuple[Floats, ...]:
    """Several arguments as float64, after a look at their pandas indices.

    Args:
        named: containers by the name of the argument, each with one row for every architecture.

    Warns:
        IndexIgnored: where one argument has an index other than 0 to n - 1 and another has no index.

    Raises:
        InvalidValues: for two indices that differ, and as `as_floats` raises.
    """
    require_same_index(**named)
    return tuple(as_floats(values, name) for name, values in named.items())


def require_same_index(**named: Any) -> None:
    """Look whether the pandas indices of several arguments say the same rows. Warns and raises as `aligned` does."""
    indices = {name: index for name, values in named.items() if (index := index_of(values)) is not None}
    if not indices:
        return
    first, *others = indices
    for other in others:
        if not indices[other].equals(indices[first]):
            raise InvalidValues(f"{first} and {other} have different pandas indices; {_REMEDY}")
    if len(indices) < len(named) and not _is_default(indices[first]):
        _warn(first, "the other arguments have no index")


def index_of(values: Any) -> Any | None:
    """The index of a pandas Series or DataFrame; None of anything else."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(values, (pandas.Series, pandas.DataFrame)):
        return values.index
    return None


@dataclass(frozen=True)
class RowLabels:
    """Which rows a batch holds, as far as it is known: what the index of targets is compared with.

    Attributes:
        index: the pandas index of the columns or architectures it was made from; None where nothing had one.
        counted: whether that index was 0 to n - 1 before rows were chosen.
        places: int64[n], the rows of the batch that this one was cut from; None for 0 to n - 1.
    """

    index: Any | None = None
    counted: bool = True
    places: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, named: dict[str, Any], positional: bool) -> Self:
        """The labels that several arguments agree on.

        Args:
            named: containers by name; those without an index have no say.
            positional: whether something stands beside them that has an order and no index.

        Warns:
            IndexIgnored: for an index other than 0 to n - 1 beside something positional.

        Raises:
            InvalidValues: for two indices that differ.
        """
        labels = cls()
        first = ""
        for name, values in named.items():
            index = index_of(values)
            if index is None:
                continue
            if labels.index is None:
                labels, first = cls(index, _is_default(index)), name
            elif not index.equals(labels.index):
                raise InvalidValues(f"{first} and {name} have different pandas indices; {_REMEDY}")
        if positional and not labels.counted:
            _warn(first, "the architectures beside it have no index")
        return labels

    def joined(self, named: dict[str, Any]) -> Self:
        """These labels, or those of further columns where these have no index.

        Warns and raises as `compare` does for each column, and raises for further columns that differ.
        """
        for name, values in named.items():
            self.compare(values, name)
        further = type(self).of(named, positional=False)
        return self if self.index is not None else replace(further, places=self.places)

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The labels of chosen rows."""
        places = rows if self.places is None else self.places[rows]
        return type(self)(None if self.index is None else self.index[rows], self.counted, places)

    def compare(self, values: Any, what: str) -> None:
        """Look whether the index of `values`, if it has one, says the same rows.

        Warns:
            IndexIgnored: where it says other rows and nothing says which rows these are.

        Raises:
            InvalidValues: where it differs from `index`.
        """
        index = index_of(values)
        if index is None or (self.index is not None and index.equals(self.index)):
            return
        if self.counted and _is_default(index):
            return
        if self.index is not None:
            raise InvalidValues(f"{what} and the batch's columns have different pandas indices; {_REMEDY}")
        if self.places is None or len(index) != len(self.places) or not (np.asarray(index) == self.places).all():
            _warn(what, "the architectures have no index")


def _is_default(index: Any) -> bool:
    return bool(index.equals(sys.modules["pandas"].RangeIndex(len(index))))


def _warn(what: str, because: str) -> None:
    warn_caller(
        f"{what} has a pandas index other than 0 to n - 1, and {because}; its values are taken by position. "
        "Pass .to_numpy() if that is meant",
        IndexIgnored,
    )


def _flattened(vector: Floats) -> str:
    return "; take its only column with [:, 0]" if vector.ndim == 2 and vector.shape[1] == 1 else ""
