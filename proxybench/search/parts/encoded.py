"""Candidates as a predictor's rows, each encoded once for all searches on a problem."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxybench.search.core.problem import Floats, Problem

_FITTED_ON = 2000  # candidates used to fit encodings and to estimate missing values; graphs and columns are free


class PopulationRows:
    """Rows of a tabular predictor, for the candidates requested so far.

    Args:
        problem: the problem with the candidates.
        rows: unfitted `predictors.tabular.rows.Rows`; fitted on 2,000 candidates, evenly spaced.

    Attributes:
        rows: fitted.
    """

    def __init__(self, problem: Problem, rows: Any) -> None:
        spaced = np.linspace(0, len(problem) - 1, min(_FITTED_ON, len(problem))).astype(np.int64)
        self._problem = problem
        self.rows = rows.fit(problem.batch[spaced])
        first = self.rows.transform(problem.batch[spaced])
        self._known = np.zeros(len(problem), dtype=bool)
        self._values = np.empty((len(problem), first.shape[1]))
        self._known[spaced], self._values[spaced] = True, first

    def of(self, candidates: NDArray[np.int64]) -> Floats:
        """One row per candidate, float64[k, d]."""
        new = np.unique(candidates[~self._known[candidates]])
        if len(new):
            self._values[new] = self.rows.transform(self._problem.batch[new])
            self._known[new] = True
        return np.asarray(self._values[candidates])


def population_rows(problem: Problem, predictor: Any) -> PopulationRows:
    """The rows for a tabular predictor; those of named encodings are shared by all searches."""
    if isinstance(predictor.encodings, str):
        return problem.cached(_named, predictor.encodings, bool(predictor.columns))
    return PopulationRows(problem, predictor.unfitted_rows())


def _named(problem: Problem, encodings: str, columns: bool) -> PopulationRows:
    from predictors.encodings import encoding_parts
    from predictors.tabular.rows import Rows

    return PopulationRows(problem, Rows(encoding_parts(encodings), columns))
