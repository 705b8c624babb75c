"""A reader for pickled pandas frames of numbers and text, from pandas 0.25 on.

pandas is not imported, and no code in the file runs: each class and function that a frame is made of has a stand-in
here which only keeps its arguments, and any other is refused. The blocks of the frame are then taken apart by column.
"""

from __future__ import annotations

import gzip
import io
import math
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxybench.readers.pickle_walk import check_pickle
from proxybench.readers.unpickle import PLAIN, ArrayStandIn, Call, NumberType
from proxybench.readers.untrusted import decompressed, read_bytes, reading

MAX_COLUMNS = 1000
Column = NDArray[Any] | list[Any]
_PLAIN_VALUES = (str, int, float, type(None))
_OLD_STATE = "0.14.1"  # key of the state of a BlockManager before pandas 1.3


def read_frame_pickle(path: Path) -> dict[str, Column]:
    """The columns of a pickled frame by name, gzipped or not: arrays of n numbers, or lists of n texts or numbers.

    The index of the rows is not read.

    Raises:
        CorruptData: if the file is damaged or is not a pickled frame.
        OSError: if the file does not exist or cannot be read.
    """
    with reading(path):
        data = read_bytes(path)
        if data.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                data = decompressed(path, stream)
        check_pickle(data, objects=True)
        frame = _FrameUnpickler(io.BytesIO(data), encoding="latin1").load()
        if not isinstance(frame, _Frame):
            raise ValueError(f"a pickle of {type(frame).__name__}, not of a pandas frame")
        return _columns(frame)


class _FrameUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins"}.get(module, module)
        found = _FRAME.get((module, name), PLAIN.get((module, name)))
        if found is None:
            raise pickle.UnpicklingError(f"refused to load {module[:80]}.{name[:80]}")
        return found


class _Frame:
    """Stand-in for a frame: its state."""

    __slots__ = ("state",)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.state = state


class _Manager:
    """Stand-in for the manager of blocks: its arguments, or its state in old pickles."""

    __slots__ = ("args", "state")
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> _Manager:
        manager = super().__new__(cls)
        manager.args, manager.state = args, None
        return manager

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Index:
    """Stand-in for an index; `data` are its labels, if it has any."""

    __slots__ = ("data",)

    def __init__(self, _kind: Any, described: Mapping[str, Any]) -> None:
        self.data = described.get("data")


class _BlockMaker:
    """Stand-in for functools.partial(new_block): a function that makes blocks."""

    __slots__ = ()

    def __init__(self, function: Any) -> None:
        if function is not _NEW_BLOCK:
            raise pickle.UnpicklingError("a partial function other than that of a block")

    def __setstate__(self, state: Any) -> None:
        if state[0] is not _NEW_BLOCK or state[1] != ():
            raise pickle.UnpicklingError("a partial function other than that of a block")

    def __call__(self, values: Any, places: Any, *_: Any) -> _Block:
        return _Block(values, places)


class _Block:
    """Columns of one type: values [k, n], and their places among the frame's columns."""

    __slots__ = ("places", "values")

    def __init__(self, values: Any, places: Any, *_: Any) -> None:
        self.values, self.places = values, places


class _Objects:
    """Stand-in for an array of objects: its shape, and its elements in order."""

    __slots__ = ("items", "shape")

    def __init__(self, shape: tuple[int, ...], items: list[Any]) -> None:
        fits = isinstance(items, list) and isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
        if not fits or math.prod(shape) != len(items):
            raise pickle.UnpicklingError("an array of objects without as many objects as its shape says")
        self.shape, self.items = shape, items

    def rows(self) -> list[list[Any]]:
        """The rows of a matrix of plain values. Raises ValueError for any other array."""
        count, length = self.shape
        if count > MAX_COLUMNS or not all(isinstance(item, _PLAIN_VALUES) for item in self.items):
            raise ValueError("an array of objects that are not text or numbers")
        return [self.items[row * length : (row + 1) * length] for row in range(count)]


class _Array(ArrayStandIn):
    """Like that of plain pickles, but its elements may also be objects."""

    __slots__ = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, _, data = state
        if isinstance(kind, _ObjectType):
            self.value = _Objects(shape, data)
        else:
            super().__setstate__(state)


class _ObjectType:
    """Stand-in for numpy's type of objects."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        """It has a fixed state."""


def _type(code: str, *rest: Any) -> NumberType | _ObjectType:
    return _ObjectType() if code == "O8" else NumberType(code, *rest)


def _reconstruct(subtype: Any, shape: Any, _code: Any) -> _Array:
    if subtype is not PLAIN["numpy", "ndarray"] or shape != (0,):
        raise pickle.UnpicklingError("numpy array in an unexpected form")
    return _Array()


def _slice(start: int, stop: int, step: int) -> range:
    if not 0 <= start <= stop <= MAX_COLUMNS or step < 1:
        raise pickle.UnpicklingError(f"columns {start} to {stop} of a frame")
    return range(start, stop, step)


def _no_call(*_: Any) -> None:
    raise pickle.UnpicklingError("a class or function that a frame only names is called")


_NEW_BLOCK, _NAMED = Call(_no_call), Call(_no_call)
_FRAME: dict[tuple[str, str], Any] = {
    ("pandas.core.frame", "DataFrame"): _Frame,
    ("pandas.core.internals.managers", "BlockManager"): _Manager,
    ("pandas.core.internals.blocks", "new_block"): _NEW_BLOCK,
    ("pandas._libs.internals", "_unpickle_block"): Call(_Block),
    ("pandas.core.indexes.base", "_new_Index"): Call(_Index),
    ("functools", "partial"): _BlockMaker,
    ("builtins", "slice"): Call(_slice),
    ("numpy", "dtype"): Call(_type),
    ("pandas.core.indexes.base", "Index"): _NAMED,
    ("pandas.core.indexes.range", "RangeIndex"): _NAMED,
    ("pandas", "DataFrame"): _Frame,  # as pandas 3 names them
    ("pandas", "Index"): _NAMED,
    ("pandas", "RangeIndex"): _NAMED,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): Call(_reconstruct) for core in ("core", "_core")},
}


def _columns(frame: _Frame) -> dict[str, Column]:
    manager = frame.state.get("_mgr", frame.state.get("_data"))
    if not isinstance(manager, _Manager):
        raise ValueError("a frame without blocks")
    axes, blocks = _parts(manager)
    names = _value(axes[0].data)
    if not isinstance(names, _Objects) or len(names.shape) != 1 or len(names.items) > MAX_COLUMNS:
        raise ValueError("the columns of the frame have no names")
    if not all(isinstance(name, str) for name in names.items) or len(set(names.items)) != len(names.items):
        raise ValueError("the columns of the frame have no names of their own")
    columns: dict[str, Column] = {}
    for block in blocks:
        values = _value(block.values)
        rows = values.rows() if isinstance(values, _Objects) else _matrix(values)
        for place, row in zip(block.places, rows, strict=True):
            if names.items[place] in columns:
                raise ValueError(f"column {names.items[place]!r} is in two blocks")
            columns[names.items[place]] = row
    if len(columns) != len(names.items) or len({len(column) for column in columns.values()}) > 1:
        raise ValueError("the blocks of the frame are not one column for each name")
    return {name: columns[name] for name in names.items}


def _parts(manager: _Manager) -> tuple[Sequence[_Index], Sequence[_Block]]:
    """Axes and blocks, in either form of the manager."""
    if manager.state is not None:
        state = manager.state[3][_OLD_STATE]
        return state["axes"], [_Block(block["values"], block["mgr_locs"]) for block in state["blocks"]]
    blocks, axes = manager.args
    return axes, blocks


def _value(stand_in: Any) -> Any:
    return stand_in.value if isinstance(stand_in, ArrayStandIn) else stand_in


def _matrix(values: Any) -> NDArray[Any]:
    if not isinstance(values, np.ndarray) or values.ndim != 2:
        raise ValueError("a block that is not a matrix of numbers")
    return values
