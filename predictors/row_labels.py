"""Which rows a batch holds, so that targets and columns with a pandas index can be held against them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from predictors.errors import InvalidValues
from predictors.inputs import REMEDY, index_of, is_default, warn_of_index


@dataclass(frozen=True)
class RowLabels:
    """Which rows a batch holds, as far as it is known: what the index of targets is compared with.

    Attributes:
        index: the pandas index of the columns or architectures it was made from; None where nothing had one.
        counted: whether that index was 0 to n - 1 before rows were chosen.
        places: int64[n], the rows of the batch that this one was cut from; None for 0 to n - 1.
        names: what else the rows are known by, such as the index of a table's frames; None where they are not.
    """

    index: Any | None = None
    counted: bool = True
    places: NDArray[np.int64] | None = None
    names: Names | None = None

    @classmethod
    def of(cls, named: dict[str, Any], positional: bool) -> Self:
        """The labels that several arguments agree on.

        Args:
            named: containers by name; those without an index have no say.
            positional: whether something stands beside them that has an order and no index.

        Warns:
            IndexIgnored: for an index other than 0 to n - 1 beside something positional.

        Raises:
            InvalidValues: for two indices that differ.
        """
        labels = cls()
        first = ""
        for name, values in named.items():
            index = index_of(values)
            if index is None:
                continue
            if labels.index is None:
                labels, first = cls(index, is_default(index)), name
            elif not index.equals(labels.index):
                raise InvalidValues(f"{first} and {name} have different pandas indices; {REMEDY}")
        if positional and not labels.counted:
            warn_of_index(first, "the architectures beside it have no index")
        return labels

    def joined(self, named: dict[str, Any]) -> Self:
        """These labels, or those of further columns where these have no index.

        Warns and raises as `compare` does for each column, and raises for further columns that differ.
        """
        for name, values in named.items():
            self.compare(values, name)
        further = type(self).of(named, positional=False)
        return self if self.index is not None else replace(further, places=self.places, names=self.names)

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The labels of chosen rows."""
        places = rows if self.places is None else self.places[rows]
        index = None if self.index is None else self.index[rows]
        return type(self)(index, self.counted, places, None if self.names is None else self.names.take(rows))

    def compare(self, values: Any, what: str) -> None:
        """Look whether the index of `values`, if it has one, says the same rows.

        Warns:
            IndexIgnored: where it says other rows and nothing says which rows these are.

        Raises:
            InvalidValues: where it differs from `index`.
        """
        index = index_of(values)
        if index is None or (self.index is not None and index.equals(self.index)):
            return
        if self.counted and is_default(index):
            return
        if self.index is not None:
            raise InvalidValues(f"{what} and the batch's columns have different pandas indices; {REMEDY}")
        if self.places is not None and len(index) == len(self.places) and (np.asarray(index) == self.places).all():
            return
        names = None if self.names is None else self.names()
        if names is not None and index.equals(names):
            return
        if names is not None and index.isin(names).all():
            raise InvalidValues(f"the pandas index of {what} names other architectures than the batch holds; {REMEDY}")
        warn_of_index(what, "the architectures have no index")


class Names:
    """A pandas index that is made when it is asked for, or some rows of it.

    Args:
        make: gives the whole index.
        rows: int64[n], of the index; None for all.
    """

    def __init__(self, make: Callable[[], Any], rows: NDArray[np.int64] | None = None) -> None:
        self._make = make
        self._rows = rows

    def __call__(self) -> Any:
        index = self._make()
        return index if self._rows is None else index[self._rows]

    def take(self, rows: NDArray[np.int64]) -> Names:
        """The names of chosen rows."""
        return Names(self._make, rows if self._rows is None else self._rows[rows])

    def __reduce__(self) -> tuple[Any, ...]:
        return Names, (partial(_given, self()),)  # without what makes it, which may be a whole table


def _given(index: Any) -> Any:
    return index
