"""A read-only mapping whose error message says how to get a changed copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

Value = TypeVar("Value")

_SHOWN = 8  # maximum number of names in a representation
_WIDTH = 40  # maximum characters of a name in it


class ReadOnly(TypeError):
    """An attempt to change a read-only object."""


class Frozen(Mapping[str, Value]):
    """A read-only mapping by name.

    Args:
        values: a mapping; copied, but not deeply.
        remedy: what to do instead of changing it; part of the error message.
    """

    __slots__ = ("_remedy", "_values")

    def __init__(self, values: Mapping[str, Value], remedy: str = "copy it to a dict to change it") -> None:
        self._values = dict(values)
        self._remedy = remedy

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self}

    def __repr__(self) -> str:
        return f"<read-only mapping of {len(self)} names: {shortened(self)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._values, self._remedy)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise ReadOnly(f"this mapping is read-only; {self._remedy}")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse


def shortened(names: Iterable[str]) -> str:
    """The first names and the number of further ones, in a few lines at most."""
    every = list(names)
    shown = [name if len(name) <= _WIDTH else name[: _WIDTH - 3] + "..." for name in every[:_SHOWN]]
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(shown) + more
