"""A search problem: a population of candidates, their training-free columns, and the answers to queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchBatch, ArchGraph
from predictors.inputs import as_vector
from proxybench.errors import ProxybenchError
from proxybench.search.core.base import Query
from proxybench.spaces import SearchSpace

Result = TypeVar("Result")
Floats = NDArray[np.float64]


class InvalidProblem(ProxybenchError, ValueError):
    """A search problem that the table does not support, or a query or option that does not fit it."""


class Problem:
    """A population of n candidates with the answers that a search pays for.

    Args:
        space: provides the neighbours of an architecture.
        archs: the candidates, all distinct.
        answers: float64[n] by epochs, larger is better; the largest epochs are the full budget.
        reported: float64[n] to report for the result of a search, such as the test accuracy; never shown to searchers.
        columns: training-free columns by name, float64[n]; NaN if there is no value.
        seconds: training seconds recorded in the table, float64[n] by epochs; empty if it records none.
        key: identity of a candidate; by default the space's digest, so that isomorphic architectures are one.
        keys: `key` of each candidate, if already known.
        rows: table row of each candidate.
        name: name of the problem, for messages and records.

    Raises:
        InvalidProblem: if there are no candidates, duplicate keys, arrays of another length, or non-finite answers.
    """

    def __init__(
        self,
        space: SearchSpace,
        archs: Sequence[ArchGraph],
        answers: Mapping[int, Floats],
        *,
        reported: Floats | None = None,
        columns: Mapping[str, Floats] | None = None,
        seconds: Mapping[int, Floats] | None = None,
        key: Callable[[ArchGraph], str] | None = None,
        keys: Sequence[str] | None = None,
        rows: NDArray[np.int64] | None = None,
        name: str = "",
    ) -> None:
        self.space = space
        self.archs = archs
        self.levels = tuple(sorted(answers))
        self.answers = {epochs: as_vector(values, f"answers at {epochs} epochs") for epochs, values in answers.items()}
        self.reported = None if reported is None else as_vector(reported, "the reported quantity")
        self.columns = {name: as_vector(values, f"column {name!r}") for name, values in (columns or {}).items()}
        self.seconds = {epochs: as_vector(values, "seconds") for epochs, values in (seconds or {}).items()}
        self.rows = np.arange(len(archs)) if rows is None else rows
        self.name = name or space.name
        self._key = space.digest if key is None else key
        self._keys = keys
        self._neighbours: dict[int, tuple[int, ...]] = {}
        self._shared: dict[tuple[Any, ...], Any] = {}
        self._check()

    def _check(self) -> None:
        if not len(self.archs) or not self.levels:
            raise InvalidProblem(f"{self.name}: no architecture has all the values that the search needs")
        arrays = [*self.answers.values(), *self.columns.values(), *self.seconds.values(), self.rows]
        if any(len(values) != len(self) for values in arrays):
            raise InvalidProblem(f"{self.name}: answers and columns need one value for each of {len(self)} candidates")
        if not all(np.isfinite(values).all() for values in self.answers.values()):
            raise InvalidProblem(f"{self.name}: an answer is not finite; leave that architecture out")

    def __len__(self) -> int:
        return len(self.archs)

    @property
    def full(self) -> int:
        """The epochs of a full training."""
        return self.levels[-1]

    @property
    def values(self) -> Floats:
        """The objective at the full budget, float64[n], larger better."""
        return self.answers[self.full]

    def answer(self, query: Query) -> float:
        """The answer to a query. Raises InvalidProblem for a candidate or epochs that the problem does not have."""
        epochs = self.full if query.epochs is None else query.epochs
        if epochs not in self.answers or not 0 <= query.candidate < len(self):
            raise InvalidProblem(f"{self.name} cannot answer {query}: epochs {self.levels}, {len(self)} candidates")
        return float(self.answers[epochs][query.candidate])

    def cost(self, query: Query) -> float:
        """Cost in full trainings. Every training starts from scratch, as in the tables: 12 of 108 epochs cost 1/9."""
        return 1.0 if query.epochs is None or not self.full else query.epochs / self.full

    def training_seconds(self, query: Query) -> float | None:
        """The training seconds in the table; None if it records none at these epochs."""
        seconds = self.seconds.get(self.full if query.epochs is None else query.epochs)
        return None if seconds is None else float(seconds[query.candidate])

    def cached(self, function: Callable[..., Result], *args: Any) -> Result:
        """`function(self, *args)`, computed once and cached: data shared by all searches on this problem."""
        question = (function, *args)
        if question not in self._shared:
            self._shared[question] = function(self, *args)
        result: Result = self._shared[question]
        return result

    @cached_property
    def batch(self) -> ArchBatch:
        """The candidates with their training-free columns."""
        return ArchBatch(self.archs, self.columns)

    def neighbours(self, candidate: int) -> tuple[int, ...]:
        """The candidates one elementary change away, in the space's order.

        Neighbours that are not in the population are omitted, and so are those that are the same architecture.
        """
        if candidate not in self._neighbours:
            keys = map(self._key, self.space.neighbours(self.archs[candidate]))
            found = dict.fromkeys(self._candidates[key] for key in keys if key in self._candidates)
            found.pop(candidate, None)
            self._neighbours[candidate] = tuple(found)
        return self._neighbours[candidate]

    @cached_property
    def _candidates(self) -> dict[str, int]:
        keys = [self._key(arch) for arch in self.archs] if self._keys is None else self._keys
        found = {key: candidate for candidate, key in enumerate(keys)}
        if len(found) != len(self):
            raise InvalidProblem(f"{self.name}: {len(self) - len(found)} candidates are duplicates")
        return found
