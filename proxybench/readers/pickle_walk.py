"""The size and depth of what a pickle would build, computed from its opcodes before anything is built.

The C reader trusts the file: five bytes can request gigabytes, a tuple nested a million times crashes the interpreter
when it is hashed or freed, and thirty lines of shared parts become a billion when something walks over them. So the
opcodes are followed first with placeholders for the values: None for a number or a short text, a `_Part` for anything
that has parts or is long. Each part knows its depth and how large it would be if nothing in it were shared. A
container may not change once it is part of another, which is true for all pickles except those of values that contain
themselves. Depth and size are therefore known as soon as a part is complete.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable

MAX_DEPTH = 100
MAX_UNITS = 2**25  # of 64 bytes, so 2 GiB
_UNIT = 64
_CHANGEABLE = 4  # units of a container that can grow: a non-empty dictionary takes 232 bytes
_LONG = 256  # bytes of a text or number beyond which it is more than one unit

_NEVER_NEEDED = {
    *("EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER"),
    *("INST", "OBJ", "NEWOBJ_EX"),
}
_COUNT_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_OPCODES = {opcode.name: opcode for opcode in pickletools.opcodes if opcode.name not in _NEVER_NEEDED}
_ARGUMENTS = {ord(opcode.code): opcode.arg.n if opcode.arg else 0 for opcode in _OPCODES.values()}
_NUMBERS = ("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "BINFLOAT")
# Bytes of the opcodes that push a number of a fixed length, 0 for all others.
_PLAIN_STEPS = [0] * 256
for _name in _NUMBERS:
    _PLAIN_STEPS[ord(_OPCODES[_name].code)] = 1 + _ARGUMENTS[ord(_OPCODES[_name].code)]


class _Part:
    """A placeholder for a container, an object or a long text.

    Attributes:
        depth: depth of nested containers, including itself; 0 for a text.
        units: units of memory if nothing in it were shared.
        own: units without its parts, as for a shallow copy.
        copied: units for shallow copies of its parts.
        hashed: number of values visited to compute the hashes of everything in it.
        complete: whether it can no longer change.
    """

    __slots__ = ("complete", "copied", "depth", "hashed", "own", "units")

    def __init__(self, depth: int, units: int, complete: bool) -> None:
        self.depth = depth
        self.units = self.own = units
        self.copied, self.hashed = 0, 1
        self.complete = complete


def check_pickle(data: bytes, objects: bool = False) -> int:
    """Follow the opcodes of a pickle up to its STOP; the position after it, where another pickle may start.

    Args:
        data: the pickle.
        objects: whether it may make objects of classes by NEWOBJ, and call objects; the reader decides which.

    Raises:
        pickle.UnpicklingError: for opcodes that data does not need, a truncated file, more than MAX_DEPTH nested
            containers, or more memory than MAX_UNITS, with shared parts counted each time.
        ValueError, IndexError: for a damaged pickle.
    """
    return _Walk(data, objects).run()


class _Walk:
    def __init__(self, data: bytes, objects: bool) -> None:
        self._data = data
        self._objects = objects
        self._stack: list[_Part | None] = []
        self._marks: list[int] = []
        self._memo: dict[int, _Part | None] = {}
        self._units = 0  # spent so far; one for each opcode at least

    def run(self) -> int:
        data, stack, steps, position, end = self._data, self._stack, _PLAIN_STEPS, 0, len(self._data)
        while position < end:
            opcode = data[position]
            self._units += 1
            if self._units > MAX_UNITS:
                self._spend(0)
            if steps[opcode]:
                stack.append(None)
                position += steps[opcode]
            elif opcode == _STOP:
                self._pop(1)
                return position + 1
            elif opcode not in _ACTIONS:
                raise pickle.UnpicklingError(f"opcode {opcode:#04x} at byte {position} is unknown or refused")
            elif _ARGUMENTS[opcode]:
                position, argument = self._argument(opcode, position)
                _ACTIONS[opcode](self, argument)
            else:
                position += 1
                _ACTIONS[opcode](self, 0)
        raise pickle.UnpicklingError("cut short")

    def _argument(self, opcode: int, position: int) -> tuple[int, int]:
        """The position of the next opcode, and a number: the value of a fixed-length argument, otherwise its length."""
        start, size = position + 1, _ARGUMENTS[opcode]
        if size == 1:
            return start + 1, self._data[start]
        if size >= 0:
            return start + size, int.from_bytes(self._data[start : start + size], "little")
        if size in _COUNT_BYTES:
            counted = start + _COUNT_BYTES[size]
            length = int.from_bytes(self._data[start:counted], "little")
            return counted + length, length
        following = self._data.index(b"\n", start) + 1
        if opcode == _GLOBAL:  # module and name
            following = self._data.index(b"\n", following) + 1
        elif opcode in (_PUT, _GET):
            return following, int(self._data[start : following - 1])
        return following, following - start

    def _spend(self, units: int) -> None:
        self._units += units
        if self._units > MAX_UNITS:
            raise pickle.UnpicklingError(f"it would take more than {MAX_UNITS * _UNIT} bytes of memory")

    def _pop(self, count: int) -> list[_Part | None]:
        """The topmost values. Raises UnpicklingError if the stack has fewer since the last mark."""
        base = len(self._stack) - count
        if base < (self._marks[-1] if self._marks else 0):
            raise pickle.UnpicklingError("an opcode lacks its operands")
        values = self._stack[base:]
        del self._stack[base:]
        return values

    def _pop_mark(self) -> list[_Part | None]:
        base = self._marks.pop()
        values = self._stack[base:]
        del self._stack[base:]
        return values

    def _text(self, length: int) -> None:
        """A text or number of this many bytes; one character may take four."""
        if length <= _LONG:
            self._stack.append(None)
        else:
            units = length * 4 // _UNIT
            self._spend(units)
            self._stack.append(_Part(0, units, complete=True))

    def _container(self, parts: list[_Part | None], complete: bool) -> None:
        """Push a container of parts; `complete` means that its type is immutable."""
        part = _Part(1, 1 if complete else _CHANGEABLE, complete=False)
        self._spend(part.units)
        self._fill(part, parts)
        part.complete = complete
        self._stack.append(part)

    def _fill(self, part: _Part, parts: list[_Part | None]) -> None:
        """Put parts into a container. Raises UnpicklingError if it becomes too deep or too large."""
        if part.complete:
            raise pickle.UnpicklingError("a part changes after it has been put into another")
        count = len(parts)
        part.own += count
        part.units += count
        part.hashed += count
        if parts.count(None) != count:
            for inner in parts:
                if inner is part:
                    raise pickle.UnpicklingError("a value contains itself")
                if inner is not None:
                    inner.complete = True
                    part.units += inner.units
                    part.copied += inner.own
                    part.hashed += inner.hashed
                    part.depth = max(part.depth, inner.depth + 1)
        if part.depth > MAX_DEPTH:
            raise pickle.UnpicklingError(f"more than {MAX_DEPTH} values are nested in each other")
        if part.units > MAX_UNITS:
            raise pickle.UnpicklingError(f"with shared parts counted each time it has over {MAX_UNITS} parts")

    def _hash(self, parts: list[_Part | None]) -> None:
        """Account for computing the hash of each part."""
        for part in parts:
            if part is not None:
                self._spend(part.hashed)

    def _add(self, parts: list[_Part | None], hashed: list[_Part | None]) -> None:
        """Put parts into the container on top of the stack; `hashed` are those whose hash is computed."""
        (top,) = self._pop(1)
        if top is None:
            raise pickle.UnpicklingError("content is added to an object that is not a container")
        self._hash(hashed)
        self._fill(top, parts)
        self._stack.append(top)

    def _mark(self, _: int) -> None:
        self._marks.append(len(self._stack))

    def _drop(self, _: int) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._pop(1)

    def _drop_to_mark(self, _: int) -> None:
        self._pop_mark()

    def _duplicate(self, _: int) -> None:
        self._stack += self._pop(1) * 2

    def _put(self, number: int) -> None:
        # The reader allots a table of this length. Whoever writes pickles counts up, so that no number is larger than
        # that of the opcodes before it.
        if number > self._units + 1:
            raise pickle.UnpicklingError(f"memo number {number} after {self._units} steps")
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise pickle.UnpicklingError("nothing to remember")
        self._memo[number] = self._stack[-1]

    def _get(self, number: int) -> None:
        self._stack.append(self._memo[number])

    def _setitem(self, _: int) -> None:
        parts = self._pop(2)
        self._add(parts, parts[:1])

    def _setitems(self, _: int) -> None:
        parts = self._pop_mark()
        self._add(parts, parts[::2])

    def _append(self, _: int) -> None:
        self._add(self._pop(1), [])

    def _appends(self, _: int) -> None:
        self._add(self._pop_mark(), [])

    def _additems(self, _: int) -> None:
        parts = self._pop_mark()
        self._add(parts, parts)

    def _frozenset(self, _: int) -> None:
        parts = self._pop_mark()
        self._hash(parts)
        self._container(parts, complete=True)

    def _dict(self, _: int) -> None:
        parts = self._pop_mark()
        self._hash(parts[::2])
        self._container(parts, complete=False)

    def _call(self, _: int) -> None:
        """A function may return a copy of its arguments, and may hash their content."""
        function, arguments = self._pop(2)
        if (function is not None and not self._objects) or arguments is None:
            raise pickle.UnpicklingError("a call is not of a function with a tuple of arguments")
        self._hash([arguments])
        self._spend(arguments.copied)
        result = _Part(1, arguments.copied, complete=False)
        self._fill(result, [function, arguments])
        self._stack.append(result)

    def _new(self, _: int) -> None:
        if not self._objects:
            raise pickle.UnpicklingError("opcode NEWOBJ is unknown or refused: plain data has no objects of classes")
        self._call(0)

    def _state(self, _: int) -> None:
        """A state that is set may be copied; it does not affect the hash."""
        top, state = self._pop(2)
        if top is None:
            raise pickle.UnpicklingError("something that has no state is given one")
        hashed = top.hashed
        self._spend(state.own + state.copied if state is not None else 0)
        self._fill(top, [state])
        top.hashed = hashed
        self._stack.append(top)

    def _name(self, _: int) -> None:
        self._pop(2)
        self._stack.append(None)


def _nothing(walk: _Walk, _: int) -> None:
    """For opcodes that build nothing."""


def _push(walk: _Walk, _: int) -> None:
    walk._stack.append(None)


_BY_NAME: dict[str, Callable[[_Walk, int], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), _nothing),
    **dict.fromkeys((*_NUMBERS, "GLOBAL"), _push),
    **dict.fromkeys(("INT", "LONG", "LONG1", "LONG4", "FLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING"), _Walk._text),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _Walk._text),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _Walk._text),
    "EMPTY_TUPLE": lambda walk, _: walk._container([], complete=True),
    "EMPTY_LIST": lambda walk, _: walk._container([], complete=False),
    "EMPTY_DICT": lambda walk, _: walk._container([], complete=False),
    "EMPTY_SET": lambda walk, _: walk._container([], complete=False),
    "TUPLE1": lambda walk, _: walk._container(walk._pop(1), complete=True),
    "TUPLE2": lambda walk, _: walk._container(walk._pop(2), complete=True),
    "TUPLE3": lambda walk, _: walk._container(walk._pop(3), complete=True),
    "TUPLE": lambda walk, _: walk._container(walk._pop_mark(), complete=True),
    "LIST": lambda walk, _: walk._container(walk._pop_mark(), complete=False),
    "DICT": _Walk._dict,
    "FROZENSET": _Walk._frozenset,
    "APPEND": _Walk._append,
    "APPENDS": _Walk._appends,
    "SETITEM": _Walk._setitem,
    "SETITEMS": _Walk._setitems,
    "ADDITEMS": _Walk._additems,
    "MARK": _Walk._mark,
    "POP": _Walk._drop,
    "POP_MARK": _Walk._drop_to_mark,
    "DUP": _Walk._duplicate,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Walk._put),
    "MEMOIZE": lambda walk, _: walk._put(len(walk._memo)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Walk._get),
    "STACK_GLOBAL": _Walk._name,
    "REDUCE": _Walk._call,
    "NEWOBJ": _Walk._new,
    "BUILD": _Walk._state,
}
_ACTIONS = {ord(_OPCODES[name].code): action for name, action in _BY_NAME.items()}
_STOP, _GLOBAL, _PUT, _GET = pickle.STOP[0], pickle.GLOBAL[0], pickle.PUT[0], pickle.GET[0]
