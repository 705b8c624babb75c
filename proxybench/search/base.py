"""The protocol of a searcher: `ask` which candidate to evaluate, `tell` what it turned out to be worth.

A searcher is built as `Searcher(problem, rng, budget, **options)`: the population it may look at without training, its
only source of randomness, and how many full trainings the run will pay. It never sees an objective value that it was
not told.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


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
        """The answer to `query`, larger better."""
        ...
