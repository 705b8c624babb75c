"""Real numbers out of any container: lists, masked arrays, pandas, Arrow, polars, torch tensors.

`numpy.asarray` keeps the numbers of most containers but drops everything else: the mask of a masked array, the missing
values of a nullable column, the unit of a quantity; and it silently converts text to numbers. Here missing values
become NaN, and anything that is not a real number is rejected.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, KeysView, Mapping, Sequence, Set
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.errors import InvalidValues

Numbers = NDArray[Any]
LARGEST_INTEGER = 2**53
"""Above this magnitude, float64 cannot distinguish neighbouring integers."""

_REFUSED = {
    "U": "text",
    "S": "bytes",
    "T": "text",
    "c": "complex numbers",
    "M": "dates",
    "m": "durations",
    "V": "records with named fields",
}


def as_numbers(values: Any, what: str = "values") -> Numbers:
    """The numbers of a container as an array of the same shape.

    Args:
        values: a sequence, iterator, masked array, pandas or polars object, Arrow column, torch tensor or anything else
            that NumPy can read; nested sequences become arrays with more dimensions.
        what: name of the values for error messages.

    Returns:
        An array of booleans, integers or floating-point numbers, which may share memory with `values`. If values are
        missing (None, pandas.NA, NaT, masked, null), the array is floating-point with NaN in their place.

    Raises:
        InvalidValues: for text, complex numbers, dates, durations, quantities with a unit, sets and mappings, rows of
            different lengths, and integers beyond 2^53 where the values cannot all be kept as integers.
    """
    if isinstance(values, np.ndarray):
        return _from_numpy(values, what)
    if isinstance(values, (list, tuple, range)):
        return _from_sequence(values, what)
    for name, convert in _LIBRARIES.items():
        library = sys.modules.get(name)  # values from a library that is not loaded cannot exist
        found: Numbers | None = None if library is None else convert(library, values, what)
        if found is not None:
            return found
    _refuse_units(values, what)
    if isinstance(values, (str, bytes, Mapping)) or (isinstance(values, Set) and not isinstance(values, KeysView)):
        raise InvalidValues(f"{what} must be numbers, not a {type(values).__name__}")
    if isinstance(values, (bool, int, float, Decimal, Fraction)) or values is None:
        return np.asarray(_from_scalar(values, what))
    if hasattr(values, "__array__"):
        return _from_numpy(np.asarray(values), what)
    if isinstance(values, Iterable):
        return _from_sequence(list(values), what)
    raise InvalidValues(f"{what} must be numbers; {_shown(values)} is of type {type(values).__name__}")


def _from_numpy(values: NDArray[Any], what: str) -> Numbers:
    if type(values) is not np.ndarray:
        _refuse_units(values, what)
    if values.dtype.kind in _REFUSED:
        raise InvalidValues(f"{what} must be real numbers, not {_REFUSED[values.dtype.kind]}; convert them first")
    if isinstance(values, np.ma.MaskedArray):
        return _from_masked(values, what)
    if values.dtype.kind != "O":
        return np.asarray(values)
    if values.ndim == 0:
        return np.asarray(_from_scalar(values.item(), what))
    flat = _from_sequence(values.ravel().tolist(), what)
    return flat.reshape(values.shape + flat.shape[1:])


def _from_masked(values: np.ma.MaskedArray[Any, Any], what: str) -> Numbers:
    mask = np.ma.getmaskarray(values)
    if not mask.any():
        return _from_numpy(values.data, what)
    known = np.where(mask, np.zeros((), dtype=values.dtype), values.data)  # values under the mask are meaningless
    return np.where(mask, np.nan, to_float64(_from_numpy(known, what), what))


def _from_sequence(values: Sequence[Any], what: str) -> Numbers:
    if isinstance(values, range) or all(_is_plain(kind) for kind in set(map(type, values))):
        array = np.array(values) if len(values) else np.empty(0)
        # NumPy converts large integers mixed with floats to float64 and silently loses their last digits.
        if array.dtype.kind in "biu" or (array.dtype.kind == "f" and not (np.abs(array) > LARGEST_INTEGER).any()):
            return array
    found = [_from_scalar(value, what) for value in values]
    shapes = {np.shape(one) for one in found}
    if len(shapes) > 1:
        raise InvalidValues(f"{what} must be rows of one length; they have shapes {sorted(shapes)}")
    return np.array(found)


def _from_scalar(value: Any, what: str) -> float | Numbers:
    """A number as float, or a nested container as an array."""
    if value is None or value is np.ma.masked or _is_pandas_missing(value):
        return float("nan")
    if isinstance(value, (np.timedelta64, np.datetime64, complex, np.complexfloating, str, bytes)):
        raise InvalidValues(f"{what} must be real numbers; {_shown(value)} is of type {type(value).__name__}")
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return _exact(int(value), what)
    if isinstance(value, (float, np.floating)):
        return float(value)
    if isinstance(value, Decimal) and value.is_nan():
        return float("nan")  # float() rejects signalling NaNs
    if isinstance(value, (Decimal, Fraction)):
        return _rounded(value, what)
    return as_numbers(value, what)


def _rounded(value: Decimal | Fraction, what: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise InvalidValues(f"{what} must fit in float64, but {_shown(value)} does not") from None


def _exact(value: int, what: str) -> float:
    if abs(value) > LARGEST_INTEGER:
        raise InvalidValues(
            f"{what} contains the integer {_shown(value)}; beyond 2^53 float64 cannot distinguish neighbouring "
            "integers. Subtract a constant, or convert the values to float if their last digits do not matter"
        )
    return float(value)


def to_float64(numbers: Numbers, what: str) -> NDArray[np.float64]:
    """Convert the output of `as_numbers` to float64.

    Raises:
        InvalidValues: for integers beyond 2^53.
    """
    if numbers.dtype.kind in "iu" and numbers.dtype.itemsize == 8 and numbers.size:
        _exact(int(numbers.max()), what)
        _exact(int(numbers.min()), what)
    with np.errstate(over="ignore"):  # for types wider than float64
        return np.asarray(numbers, dtype=np.float64)


def _is_plain(kind: type) -> bool:
    return issubclass(kind, (bool, int, float, np.bool_, np.integer, np.floating)) and not issubclass(
        kind, np.timedelta64
    )


def _is_pandas_missing(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)


def _refuse_units(values: Any, what: str) -> None:
    for name in ("units", "unit"):
        unit = getattr(values, name, None)
        if unit is not None and not callable(unit) and str(unit) not in ("", "dimensionless"):
            raise InvalidValues(
                f"{what} has the unit {str(unit)!r}, which plain numbers would lose; pass its magnitude"
            )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _from_torch(torch: Any, values: Any, what: str) -> Numbers | None:
    if not isinstance(values, torch.Tensor):
        return None
    if values.is_complex() or values.is_meta:
        kind = "complex numbers" if values.is_complex() else "a tensor without values (device 'meta')"
        raise InvalidValues(f"{what} must be real numbers, not {kind}")
    tensor = values.detach()
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    tensor = (tensor if tensor.layout == torch.strided else tensor.to_dense()).cpu()
    # NumPy has no bfloat16 and no narrower floating-point type than float16.
    wide = tensor.to(torch.float64) if tensor.is_floating_point() else tensor
    return np.asarray(wide.resolve_neg().numpy())


def _from_pandas(pandas: Any, values: Any, what: str) -> Numbers | None:
    if isinstance(values, pandas.DataFrame):
        columns = [as_numbers(values.iloc[:, place], what) for place in range(values.shape[1])]
        return np.column_stack(columns) if columns else np.empty((len(values), 0))
    if isinstance(values, (pandas.Series, pandas.Index)):
        values = values.array if not isinstance(values, pandas.MultiIndex) else values.to_numpy()
    if not isinstance(values, pandas.api.extensions.ExtensionArray):
        return _from_numpy(values, what) if isinstance(values, np.ndarray) else None
    _refuse_units(values.dtype, what) if getattr(values.dtype, "kind", "O") not in "Mm" else None
    if isinstance(values, pandas.Categorical):
        categories: Numbers = np.append(to_float64(as_numbers(values.categories, what), what), np.nan)
        taken: Numbers = categories[np.asarray(values.codes)]  # code -1 means missing
        return taken
    kind = getattr(values.dtype, "kind", "O")
    if kind in _REFUSED:
        raise InvalidValues(f"{what} must be real numbers, not {_REFUSED[kind]}; convert them first")
    if kind == "f":
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    if kind in "biu" and not values.isna().any():
        return np.asarray(values.to_numpy(dtype={"b": np.bool_, "i": np.int64, "u": np.uint64}[kind]))
    return _from_sequence(values.astype(object).tolist(), what)


def _from_arrow(arrow: Any, values: Any, what: str) -> Numbers | None:
    if isinstance(values, (arrow.Table, arrow.RecordBatch)):
        return np.column_stack([as_numbers(column, what) for column in values.columns])
    if isinstance(values, arrow.Scalar):
        return np.asarray(_from_scalar(values.as_py(), what))
    if not isinstance(values, (arrow.Array, arrow.ChunkedArray)):
        return None
    kind = values.type
    plain = arrow.types.is_integer(kind) or arrow.types.is_floating(kind) or arrow.types.is_boolean(kind)
    if plain and not values.null_count:
        return np.asarray(values.to_numpy(zero_copy_only=False))
    return _from_sequence(values.to_pylist(), what)


def _from_polars(polars: Any, values: Any, what: str) -> Numbers | None:
    if isinstance(values, polars.DataFrame):
        return np.column_stack([as_numbers(column, what) for column in values.get_columns()])
    if not isinstance(values, polars.Series):
        return None
    if (values.dtype.is_integer() or values.dtype.is_float()) and not values.null_count():
        return np.asarray(values.to_numpy())
    return _from_sequence(values.to_list(), what)


_LIBRARIES = {"torch": _from_torch, "pandas": _from_pandas, "pyarrow": _from_arrow, "polars": _from_polars}
