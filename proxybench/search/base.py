"""The protocol of a searcher: `ask` which candidate to evaluate, `tell` what it turned out to be worth.

A searcher is built as `Searcher(problem, rng, budget, **options)`: the population it may look at without training, its
only source of randomness, and how many full trainings the run will pay. It never sees an objective value that it was
not told. What others must know of it, the class says itself: `multi_fidelity = True` where it queries fewer epochs than
the full budget too, `deterministic = True` where the generator makes no difference.
"""

from __future__ import annotations

import math
from inspect import signature
from typing import Any, NamedTuple, Protocol

from predictors.errors import InvalidValues
from predictors.inputs import as_scalar

_GIVEN = ("problem", "rng", "budget")  # what every searcher is made with, besides its options


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


def is_multi_fidelity(searcher: type[Searcher]) -> bool:
    """Whether a class of searchers queries fewer epochs than the full budget too."""
    return bool(getattr(searcher, "multi_fidelity", False))


def is_deterministic(searcher: type[Searcher]) -> bool:
    """Whether all runs of a class of searchers on a problem are the same."""
    return bool(getattr(searcher, "deterministic", False))


def options_of(searcher: type[Searcher]) -> list[str]:
    """The names of a class's options, with those that it passes on to the class it derives from."""
    names: dict[str, None] = {}
    for one in searcher.__mro__:
        if "__init__" not in vars(one):
            continue
        parameters = signature(one).parameters.values()
        named = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
        names |= dict.fromkeys(name for name in named if name not in _GIVEN)
        if len(named) == len(parameters):  # it passes nothing on
            break
    return list(names)


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
