"""Numbers of the page, short."""

from __future__ import annotations

from typing import overload


@overload
def rounded(value: float, digits: int = 6) -> float: ...
@overload
def rounded(value: None, digits: int = 6) -> None: ...
@overload
def rounded(value: float | None, digits: int = 6) -> float | None: ...
def rounded(value: float | None, digits: int = 6) -> float | None:
    """The value rounded to this number of significant digits."""
    return None if value is None else float(f"{value:.{digits}g}")
