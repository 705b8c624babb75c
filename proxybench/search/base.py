"""The protocol of a searcher: `ask` which candidate to evaluate, `tell` what it turned out to be worth.

A searcher is built as `Searcher(problem, rng, budget, **options)`: the population it may look at without training, its
only source of randomness, and how many full trainings the run will pay. It never sees an objective value that it was
not told.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

from predictors.errors import InvalidValues
from predictors.inputs import as_scalar


class Query(NamedTuple):
    """What a searcher wants to know: a candidate of the problem, trained for `epochs`; None for the full budget."""

    candidate: int
    epochs: int | None = None


class Searcher(Protocol):
    """What every searcher with one objective offers. Asking and telling alternate."""

    def ask(self) -> Query | None:
        """The next query; None when there is nothing left to ask. One that was answered before costs nothing."""
        ...

    def tell(self, query: Query, value: float) -> None:
        """The answer to `query`, larger better, as `told_value` takes it."""
        ...


def told_value(value: Any) -> float:
    """What a searcher was told, as a float: a number of Python, NumPy or torch, or an array without dimensions.

    Raises:
        ValueError: for anything else, and for a value that is missing or infinite.
    """
    number = as_scalar(value, "the answer to a query")
    if not math.isfinite(number):
        raise InvalidValues(
            f"the answer to a query is {number}, and a searcher compares answers; tell it a finite value, and for a "
            "training that failed a poor one"
        )
    return number
