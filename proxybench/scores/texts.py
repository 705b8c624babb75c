"""A sequence of values parsed from texts on access, so that a million of them cost little."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

import pyarrow as pa

T = TypeVar("T")
_AT_ONCE = 4096  # texts taken out of a column in one step


class OnUse(Sequence[T], Generic[T]):
    """The result of `make` for each text.

    Args:
        texts: strings, or an Arrow column of them without nulls.
        make: a pure function; called again on each access.
        rows: indices of the texts to use; all by default.
    """

    def __init__(
        self, texts: Sequence[str] | pa.ChunkedArray, make: Callable[[str], T], rows: range | None = None
    ) -> None:
        self._texts = texts
        self._make = make
        self._rows = range(len(texts)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, key: int) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[T]: ...
    def __getitem__(self, key: Any) -> T | Sequence[T]:
        if isinstance(key, slice):
            return OnUse(self._texts, self._make, self._rows[key])
        text = self._texts[self._rows[key]]
        return self._make(text if isinstance(text, str) else text.as_py())

    def __iter__(self) -> Iterator[T]:
        for start in range(0, len(self._rows), _AT_ONCE):
            rows = self._rows[start : start + _AT_ONCE]
            if isinstance(self._texts, pa.ChunkedArray):
                texts = self._texts.take(pa.array(rows)).to_pylist()
            else:
                texts = [self._texts[row] for row in rows]
            yield from map(self._make, texts)
