"""The door of public functions: arrays of float64 from any container, and pandas indices that must agree.

Values are taken by position. A pandas object also says by its index which row a value belongs to; where that
contradicts the position, a warning says so, and where two indices contradict each other, the values are refused.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.containers import as_numbers, to_float64
from predictors.errors import IndexIgnored, InvalidValues, warn_caller

Floats = NDArray[np.float64]
REMEDY = "pass .to_numpy() to take values by position, or .loc[...] to bring them into one order"


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
        IndexIgnored: where one argument has an index of whole numbers other than 0 to n - 1, which looks like
            positions, and another has no index. Labels of other kinds, such as texts of architectures, say no position.

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
            raise InvalidValues(f"{first} and {other} have different pandas indices; {REMEDY}")
    labels = indices[first]
    if len(indices) < len(named) and labels.inferred_type == "integer" and not is_default(labels):
        warn_of_index(first, "the other arguments have no index")


def index_of(values: Any) -> Any | None:
    """The index of a pandas Series or DataFrame; None of anything else."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(values, (pandas.Series, pandas.DataFrame)):
        return values.index
    return None


def is_default(index: Any) -> bool:
    """Whether a pandas index is 0 to n - 1."""
    return bool(index.equals(sys.modules["pandas"].RangeIndex(len(index))))


def warn_of_index(what: str, because: str) -> None:
    """Warn that the values called `what` are taken by position, whatever their index says."""
    warn_caller(
        f"{what} has a pandas index other than 0 to n - 1, and {because}; its values are taken by position. "
        "Pass .to_numpy() if that is meant",
        IndexIgnored,
    )


def _flattened(vector: Floats) -> str:
    return "; take its only column with [:, 0]" if vector.ndim == 2 and vector.shape[1] == 1 else ""
