"""A column of texts as a sequence, kept in Arrow's memory: a million Python strings take many times as much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_AT_ONCE = 65_536  # texts made at once when all are wanted


class Texts(Sequence[str]):
    """A read-only sequence of texts; a slice with step 1 shares memory with it.

    Args:
        column: a chunked array of large_string without nulls.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if not isinstance(index, slice):
            return str(self._column[range(len(self))[index]].as_py())
        start, stop, step = index.indices(len(self))
        chosen = Texts(self._column.slice(start, max(stop - start, 0)))
        return chosen if step == 1 else list(self)[index]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self._column.slice(start, _AT_ONCE).to_pylist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return f"<{len(self)} texts, the first {self[0]!r}>" if len(self) else "<no texts>"

    def index_called(self, name: str) -> pd.Index[str]:
        """The texts as a pandas index."""
        import pandas as pd

        index: pd.Index[Any] = pd.Index(pd.array(self._column, dtype="str"), name=name)
        return index
