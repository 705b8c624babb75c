"""A pickle reader that builds containers, numbers, strings and numpy scalars and arrays, and nothing else.

No code named by the file runs, and the size of its content is checked before anything is built (`pickle_walk`). The
file's data is not passed to numpy's own state setters: they trust the length of a list of objects, ignore the byte
order of order of plain types, and change types in place.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import reprlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from proxybench.readers.pickle_walk import check_pickle

_DIMENSIONS = 32  # of an array, at most
_TYPE_CODE = re.compile(r"b1|[iu][1248]|f(2|4|8|12|16)|c(8|16|24|32)|[SU][0-9]{1,9}")


def restricted_loads(data: bytes) -> Any:
    """The value of a pickle, of any protocol, including Python 2 (whose text is read as Latin-1).

    A value that contains itself, is nested more than 100 deep, or needs more than 2 GiB is refused.

    Raises:
        Exception: of many kinds, for a damaged or refused pickle; `untrusted.reading` turns them into CorruptData.
    """
    check_pickle(data)
    return _Unpickler(io.BytesIO(data), encoding="latin1").load()


def restricted_sequence(data: bytes, count: int) -> list[Any]:
    """The values of `count` pickles that follow one another, each read like `restricted_loads`.

    Raises:
        pickle.UnpicklingError: if the data does not end with the last of them.
        Exception: as for `restricted_loads`.
    """
    values = []
    for _ in range(count):
        end = check_pickle(data)
        values.append(_Unpickler(io.BytesIO(data[:end]), encoding="latin1").load())
        data = data[end:]
    if data:
        raise pickle.UnpicklingError(f"{len(data)} bytes follow the last of {count} pickles")
    return values


class _Unpickler(pickle.Unpickler):
    _arrays = False

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins"}.get(module, module)
        self._arrays = self._arrays or name == "_reconstruct"
        try:
            return PLAIN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"refused to load {module[:80]}.{name[:80]}") from None

    def load(self) -> Any:
        value = super().load()
        return _with_arrays(value, {}) if self._arrays else value


class Call:
    """A function that a pickle may call but, unlike a plain one, not give a new state."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("state for a function")


class NumberType:
    """A numpy type of numbers or text, built from its code and then the byte order in its state."""

    __slots__ = ("dtype",)

    def __init__(self, code: str, *_: Any) -> None:
        if not _TYPE_CODE.fullmatch(code):
            raise pickle.UnpicklingError(f"refused numpy type {reprlib.repr(code)}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, *structure = state[:5]
        if order not in ("<", ">", "=", "|") or structure != [None, None, None]:
            raise pickle.UnpicklingError("refused state of a numpy type")
        self.dtype = self.dtype.newbyteorder(order)


class ArrayStandIn:
    """Placeholder for an array until the whole pickle is read."""

    __slots__ = ("value",)
    value: Any
    __hash__ = None  # type: ignore[assignment]  # like an array, it cannot be a dictionary key

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        self.value = _array(data, dtype, shape, "F" if fortran else "C")


def _with_arrays(value: Any, seen: dict[int, Any]) -> Any:
    """The value with placeholders replaced by arrays; shared and circular parts are visited once."""
    if isinstance(value, ArrayStandIn):
        return value.value
    if not isinstance(value, list | dict | tuple) or id(value) in seen:
        return seen.get(id(value), value)
    if isinstance(value, tuple):
        seen[id(value)] = tuple(_with_arrays(item, seen) for item in value)
        return seen[id(value)]
    seen[id(value)] = value
    for key, item in enumerate(value) if isinstance(value, list) else list(value.items()):
        value[key] = _with_arrays(item, seen)
    return value


def _array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    if isinstance(data, str):  # bytes of Python 2
        data = data.encode("latin1")
    if not (isinstance(data, bytes | bytearray) and isinstance(dtype, NumberType) and isinstance(shape, tuple)):
        raise pickle.UnpicklingError("numpy array in an unexpected form")
    if len(shape) > _DIMENSIONS or any(type(length) is not int or not 0 <= length < 2**63 for length in shape):
        raise pickle.UnpicklingError(f"numpy array of shape {reprlib.repr(shape)}")
    if math.prod(shape) * dtype.dtype.itemsize != len(data):
        raise pickle.UnpicklingError(
            f"{len(data)} bytes for a numpy array of shape {reprlib.repr(shape)} and type {dtype.dtype}"
        )
    return np.ndarray(shape, dtype.dtype, bytearray(data), order=order)


def _scalar(dtype: Any, data: Any) -> Any:
    return _array(data, dtype, (), "C")[()]


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> np.ndarray[Any, Any]:
    array = _array(data, dtype, shape, "C" if axes is not None else order)
    return array if axes is None else array.transpose(axes)


def _reconstruct(subtype: Any, shape: Any, _code: Any) -> ArrayStandIn:
    if subtype is not _NDARRAY or shape != (0,):
        raise pickle.UnpicklingError("numpy array in an unexpected form")
    return ArrayStandIn()


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"encoding {reprlib.repr(encoding)}")
    return text.encode("latin1")


def _refuse(*_: Any) -> None:
    raise pickle.UnpicklingError("numpy.ndarray called")


_NDARRAY = Call(_refuse)
PLAIN: dict[tuple[str, str], Any] = {
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "dict"): dict,
    ("builtins", "list"): list,
    ("builtins", "complex"): complex,
    ("builtins", "bytes"): Call(lambda: b""),  # how old protocols write empty bytes
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): defaultdict,
    ("_codecs", "encode"): Call(_encode),
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): Call(NumberType),
}
for _package in ("numpy.core", "numpy._core"):
    PLAIN[f"{_package}.multiarray", "scalar"] = Call(_scalar)
    PLAIN[f"{_package}.multiarray", "_reconstruct"] = Call(_reconstruct)
    PLAIN[f"{_package}.numeric", "_frombuffer"] = Call(_from_buffer)
