"""The protocol of a searcher: `ask` returns the candidate to evaluate, `tell` reports its value.

A searcher is built as `Searcher(problem, rng, budget, **options)`: the population it may inspect without training, its
only source of randomness, and the number of full trainings the run will pay for. It sees no objective values except
those passed to `tell`. Class attributes describe it to callers: `multi_fidelity = True` if it also queries fewer epochs
than the full budget, `deterministic = True` if the generator makes no difference, `needs_metrics = True` if it works
only on problems with training-free metrics.
"""

from __future__ import annotations

import math
from inspect import signature
from typing import Any, NamedTuple, Protocol

from predictors.errors import InvalidValues
from predictors.inputs import as_scalar

_GIVEN = ("problem", "rng", "budget")  # constructor arguments of every searcher, in addition to its options


class Query(NamedTuple):
    """A query: a candidate of the problem, trained for `epochs`; None means the full budget."""

    candidate: int
    epochs: int | None = None


class Searcher(Protocol):
    """The interface of every searcher with one objective. Calls of `ask` and `tell` alternate."""

    def ask(self) -> Query | None:
        """The next query; None when the searcher has no more. Repeating an answered query costs nothing."""
        ...

    def tell(self, query: Query, value: float) -> None:
        """Report the answer to `query`, larger is better, in a form that `checked_answer` accepts."""
        ...


def is_multi_fidelity(searcher: type[Searcher]) -> bool:
    """Whether a searcher class also queries fewer epochs than the full budget."""
    return bool(getattr(searcher, "multi_fidelity", False))


def needs_metrics(searcher: type[Searcher]) -> bool:
    """Whether a searcher class works only on problems with training-free metrics."""
    return bool(getattr(searcher, "needs_metrics", False))


def is_deterministic(searcher: type[Searcher]) -> bool:
    """Whether all runs of a searcher class on a problem are the same."""
    return bool(getattr(searcher, "deterministic", False))


def options_of(searcher: type[Searcher]) -> list[str]:
    """The option names of a class, including those passed on to its base class."""
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


def checked_answer(value: Any) -> float:
    """The answer to a query as a float, from a Python, NumPy or torch number, or an array without dimensions.

    Raises:
        ValueError: for anything else, and for a missing or infinite value.
    """
    number = as_scalar(value, "the answer to a query")
    if not math.isfinite(number):
        raise InvalidValues(
            f"the answer to a query is {number}, but a searcher compares answers; pass a finite value, and for a "
            "failed training a poor one"
        )
    return number
