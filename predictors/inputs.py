"""Input validation for public functions: float64 arrays from any container, and pandas indices that must agree.

Values are taken by position. The index of a pandas object also identifies the row of each value; if it contradicts
the position, there is a warning, and if two indices contradict each other, the values are rejected.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.containers import as_numbers, to_float64
from predictors.errors import IndexIgnored, InvalidValues, warn_caller

Floats = NDArray[np.float64]
REMEDY = "pass .to_numpy() to take values by position, or align them with .loc[...]"


def as_floats(values: Any, what: str = "values") -> Floats:
    """The numbers of a container as float64 of the same shape; NaN where a value is missing.

    Args:
        values: any container, see `predictors.containers.as_numbers`.
        what: name of the values for error messages.

    Raises:
        InvalidValues: if values are not real numbers, or are integers beyond 2^53.
    """
    if type(values) is np.ndarray and values.dtype == np.float64:
        return values
    return to_float64(as_numbers(values, what), what)


def as_vector(values: Any, what: str = "values") -> Floats:
    """The numbers of a container as float64[n]; NaN where a value is missing.

    Raises:
        InvalidValues: as in `as_floats`, and for any other shape, including a column [n, 1].
    """
    vector = as_floats(values, what)
    if vector.ndim != 1:
        raise InvalidValues(f"{what} must be a vector, but has shape {vector.shape}{_flattened(vector)}")
    return vector


def as_scalar(value: Any, what: str = "value") -> float:
    """One number as float; NaN if it is missing.

    Raises:
        InvalidValues: as in `as_floats`, and for more than one number.
    """
    number = as_floats(value, what)
    if number.ndim:
        raise InvalidValues(f"{what} must be one number, but has shape {number.shape}")
    return float(number)


def aligned(**named: Any) -> tuple[Floats, ...]:
    """Several arguments as float64, after checking their pandas indices.

    Args:
        named: containers by argument name, each with one row per architecture.

    Warns:
        IndexIgnored: if one argument has an integer index other than 0 to n - 1, which looks like positions, and
            another has no index. Labels of other types, such as architecture texts, do not look like positions.

    Raises:
        InvalidValues: if two indices differ, and as in `as_floats`.
    """
    require_same_index(**named)
    return tuple(as_floats(values, name) for name, values in named.items())


def require_same_index(**named: Any) -> None:
    """Check that the pandas indices of several arguments agree. Warns and raises as `aligned` does."""
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
    """The index of a pandas Series or DataFrame; None for anything else."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(values, (pandas.Series, pandas.DataFrame)):
        return values.index
    return None


def is_default(index: Any) -> bool:
    """Whether a pandas index is 0 to n - 1."""
    return bool(index.equals(sys.modules["pandas"].RangeIndex(len(index))))


def warn_of_index(what: str, because: str) -> None:
    """Warn that the values called `what` are taken by position, regardless of their index."""
    warn_caller(
        f"{what} has a pandas index other than 0 to n - 1, and {because}; its values are taken by position. "
        "Pass .to_numpy() if this is intended",
        IndexIgnored,
    )


def _flattened(vector: Floats) -> str:
    return "; take its only column with [:, 0]" if vector.ndim == 2 and vector.shape[1] == 1 else ""
