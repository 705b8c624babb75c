"""Architectures as other tools store or print them, as plain values: tuples, dictionaries, strings and numbers.

It reads Python literals as `print` writes them (lists, tuples, dictionaries, NumPy numbers and arrays, `range`, a call
such as `genotypes.Genotype(normal=...)`, an assignment of one of these) and objects that contain the same (named
tuples, arrays, a `ModelSpec` with `matrix` and `ops`). No text is ever evaluated.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_VALUES = 10_000  # of one architecture
MAX_DEPTH = 8  # of lists in lists
MAX_RANGE = 100

# Attributes by which an object from another tool is recognised as an architecture.
_FIELDS = (("normal", "normal_concat", "reduce", "reduce_concat"), ("matrix", "ops"), ("link", "ops"))
_NUMBERS = frozenset({"int", "float", "str", "bool"})
_NUMPY_SCALAR = re.compile(r"(?:u?int|float)(?:8|16|32|64)|str_|bool_")
_ARRAYS = frozenset({"array", "asarray", "tensor"})
_SEQUENCES = frozenset({"list", "tuple"})
_BETWEEN_VALUES = re.compile(r"(?<=[\w.\])'\"])\s+(?=[\[(\w'\"-])")
_BETWEEN_STRINGS = re.compile(r"(?<=['\"])\s+(?=['\"])")


class Unreadable(ValueError):
    """A text or an object that does not represent a plain value."""


@dataclass(frozen=True)
class Call:
    """A printed call, or an object with fields.

    Attributes:
        name: name of the function or class, without its module.
        positional: positional arguments.
        named: keyword arguments.
    """

    name: str
    positional: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


def read_text(text: str) -> Any:
    """The value that a text represents.

    Raises:
        Unreadable: for a text that is not a literal, call or assignment that can be read.
    """
    if ";" in text:
        raise Unreadable("several statements")
    text = _BETWEEN_STRINGS.sub(", ", text)  # arrays of strings are printed without commas
    tree = _tree(text) or _tree(_BETWEEN_VALUES.sub(", ", text))
    if tree is None or len(tree.body) != 1:
        raise Unreadable("no expression")
    statement = tree.body[0]
    if isinstance(statement, ast.Expr):
        return _value(statement.value)
    if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        return _value(statement.value)
    raise Unreadable("no expression")


def _tree(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes and literals that Python will reject one day
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise Unreadable("too many lists in lists")
    match node:
        case ast.Constant(value=str() | int() | float() as value):
            return value
        case ast.Constant(value=None) if depth > 0:  # a missing field
            return None
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return tuple(_value(element, depth + 1) for element in elements)
        case ast.Dict(keys=keys, values=values):
            names = [_value(key, depth + 1) if key is not None else None for key in keys]
            return _dictionary(names, [_value(value, depth + 1) for value in values])
        case ast.Call(func=function, args=arguments, keywords=keywords):
            positional = tuple(_value(argument, depth + 1) for argument in arguments)
            name = _last_name(function)
            wanted = [] if name in _ARRAYS else keywords  # an array's dtype is ignored
            return _called(name, positional, {str(keyword.arg): _value(keyword.value, depth + 1) for keyword in wanted})
    raise Unreadable(f"{type(node).__name__} is not a plain value")


def _last_name(function: ast.expr) -> str:
    """`Genotype` of `genotypes.Genotype`."""
    match function:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            _last_name(value)
            return name
    raise Unreadable("a call of something without a name")


def _dictionary(names: Sequence[Any], values: Sequence[Any]) -> dict[str, Any]:
    if not all(isinstance(name, str) for name in names):
        raise Unreadable("a dictionary whose keys are not strings")
    return dict(zip(names, values, strict=True))


def _called(name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """The result of a call for the few known functions, otherwise the call itself."""
    first = positional[0] if positional else None
    if name == "range" and not named:
        return _range(positional)
    if name == "dict" and not positional:
        return dict(named)
    if len(positional) == 1:
        if name in _NUMBERS or _NUMPY_SCALAR.fullmatch(name):
            if isinstance(first, str | int | float):
                return first
        elif name in _ARRAYS | _SEQUENCES and not named and isinstance(first, tuple):
            return first
    return Call(name, positional, named)


def _range(bounds: tuple[Any, ...]) -> tuple[int, ...]:
    if not 1 <= len(bounds) <= 3 or any(type(bound) is not int for bound in bounds) or 0 in bounds[2:]:
        raise Unreadable("a range of something other than numbers")
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise Unreadable(f"a range of more than {MAX_RANGE} numbers")
    return tuple(numbers)


def read_object(given: Any) -> Any:
    """The plain value that an object contains.

    Raises:
        Unreadable: for an object that contains anything else.
    """
    return _Reader().read(given, 0)


class _Reader:
    """Reads one object and counts its values."""

    def __init__(self) -> None:
        self._values = 0

    def read(self, given: Any, depth: int) -> Any:
        self._values += 1
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            raise Unreadable("too large")
        if isinstance(given, str):
            return str(given)
        if given is None or isinstance(given, bool | int | float):
            return given
        named = _fields_of(given)
        if named is not None:
            values = {name: self.read(value, depth + 1) for name, value in named.items()}
            return Call(type(given).__name__, named=values)
        if isinstance(given, Mapping):
            return _dictionary([*given], [self.read(value, depth + 1) for value in given.values()])
        if isinstance(given, range):
            return _range((given.start, given.stop, given.step))
        if isinstance(given, list | tuple):
            return tuple(self.read(value, depth + 1) for value in given)
        if isinstance(getattr(given, "nodes", None), list | tuple):  # a cell of NAS-Bench-201 in its authors' code
            return self.read(given.nodes, depth + 1)
        if callable(getattr(given, "tolist", None)) and hasattr(given, "dtype"):  # an array, a tensor, their numbers
            if _elements(given) > MAX_VALUES:
                raise Unreadable("too large")
            return self.read(given.tolist(), depth + 1)
        raise Unreadable(f"a {type(given).__name__}")


def _fields_of(given: Any) -> dict[str, Any] | None:
    """The fields of a named tuple or of an object recognised by its attributes."""
    if isinstance(given, tuple) and hasattr(given, "_fields"):
        return dict(zip(given._fields, given, strict=True))
    if isinstance(given, str | list | tuple | Mapping):
        return None
    return next(({name: getattr(given, name) for name in names} for names in _FIELDS if _has(given, names)), None)


def _has(given: Any, names: Sequence[str]) -> bool:
    return all(hasattr(given, name) for name in names)


def _elements(array: Any) -> int:
    """The number of elements of an array or tensor."""
    count = 1
    for size in array.shape:
        count *= int(size)
    return count


def arguments(value: Any, names: Sequence[str]) -> tuple[Any, ...] | None:
    """The values of `names`, in this order, in a call, a dictionary or a tuple, or None for any other value."""
    if isinstance(value, Call):
        positional, named = value.positional, dict(value.named)
    elif isinstance(value, Mapping):
        positional, named = (), dict(value)
    elif isinstance(value, tuple):
        positional, named = value, {}
    else:
        return None
    if len(positional) > len(names):
        return None
    given = {**dict(zip(names, positional, strict=False)), **named}
    if len(given) != len(positional) + len(named) or given.keys() != set(names):
        return None
    return tuple(given[name] for name in names)


def is_row(value: Any, kind: type | tuple[type, ...]) -> bool:
    """Whether a value is a non-empty tuple of values of `kind`; booleans do not count as numbers."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return isinstance(value, tuple) and bool(value) and all(type(one) in kinds for one in value)
