"""A column of texts as a sequence, kept in Arrow's memory: a million Python strings take many times as much."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

T = TypeVar("T")
_AT_ONCE = 65_536  # texts taken out of the column in one step when all are wanted


class Texts(Sequence[T], Generic[T]):
    """A read-only sequence of what `make` returns for each text; a slice with step 1 shares memory with it.

    Args:
        column: a chunked array of strings without nulls.
        make: `str` for the texts themselves, or another pure function; called again on each access.
    """

    def __init__(self, column: pa.ChunkedArray, make: Callable[[str], T]) -> None:
        self._column = column
        self._make = make

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        rows = range(len(self))[index]
        if isinstance(rows, int):
            return self._make(self._column[rows].as_py())
        if rows.step == 1:
            return Texts(self._column.slice(rows.start, len(rows)), self._make)
        return Texts(self._column.take(list(rows)), self._make)

    def __iter__(self) -> Iterator[T]:
        for start in range(0, len(self), _AT_ONCE):
            yield from map(self._make, self._column.slice(start, _AT_ONCE).to_pylist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return f"<{len(self)} texts, the first {self[0]!r}>" if len(self) else "<no texts>"

    def index_called(self: Texts[str], name: str) -> pd.Index[str]:
        """The texts as a pandas index."""
        import pandas as pd

        index: pd.Index[Any] = pd.Index(pd.array(self._column, dtype="str"), name=name)
        return index
