"""The identity of a batch's rows, for checking targets and columns with a pandas index."""

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
    """The identity of a batch's rows, as far as it is known; the index of targets is compared with it.

    Attributes:
        index: the pandas index of the columns or architectures that it was made from; None if they had none.
        counted: whether that index was 0 to n - 1 before rows were selected.
        places: int64[n], row numbers in the batch that this one was selected from; None for 0 to n - 1.
        names: another index of the rows, such as that of a table's frames; None if the rows have no other index.
    """

    index: Any | None = None
    counted: bool = True
    places: NDArray[np.int64] | None = None
    names: Names | None = None

    @classmethod
    def of(cls, named: dict[str, Any], positional: bool) -> Self:
        """The labels that several arguments agree on.

        Args:
            named: containers by name; those without an index are ignored.
            positional: whether they come together with data that has an order but no index.

        Warns:
            IndexIgnored: if there is an index other than 0 to n - 1 together with positional data.

        Raises:
            InvalidValues: if two indices differ.
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
            warn_of_index(first, "the architectures have no index")
        return labels

    def joined(self, named: dict[str, Any]) -> Self:
        """These labels, or, if they have no index, those of further columns.

        Warns and raises as `compare` does for each column, and raises InvalidValues if further columns disagree.
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
        """Check that the index of `values`, if any, matches these rows.

        Warns:
            IndexIgnored: if it implies different rows, and the identity of these rows is not known.

        Raises:
            InvalidValues: if it differs from `index`, or names other rows of `names`.
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
            raise InvalidValues(f"the pandas index of {what} names different architectures from the batch; {REMEDY}")
        warn_of_index(what, "the architectures have no index")


class Names:
    """A pandas index that is created on demand, or selected rows of it.

    Args:
        make: returns the whole index.
        rows: int64[n], the selected rows of the index; None for all.
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
        return Names, (partial(_given, self()),)  # without `make`, which may hold a whole table


def _given(index: Any) -> Any:
    return index
