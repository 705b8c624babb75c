"""A good default: encodings and learners chosen by cross-validation on the training set alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from predictors.ensemble import Ensemble
from predictors.tabular import GBDT, ExtraTrees, GaussianProcess, Ridge


class Auto(Ensemble):
    """Ensemble selection over boosted trees, extra trees, Gaussian processes and ridge on several encodings.

    Each candidate predicts held-out folds of the training set, and the members and weights are chosen from those
    predictions alone (`Ensemble` with "select"), starting with the three that `Ensemble` averages. Nothing outside the
    training set is used.

    Args:
        members: a list of custom candidates, as in `Ensemble`; None for the default ones.
        folds: number of cross-validation folds; at most three for large training sets.
        columns, random_state, threads, space: passed to the candidates; random_state also seeds the folds.
    """

    def __init__(
        self,
        members: Sequence[Any] | None = None,
        folds: int = 5,
        columns: bool = True,
        random_state: int = 0,
        threads: int = 1,
        space: Any = None,
    ) -> None:
        super().__init__(
            members=members,
            combine="select",
            folds=folds,
            columns=columns,
            random_state=random_state,
            threads=threads,
            space=space,
        )

    def _models(self) -> list[Any]:
        if self.members is not None:
            return super()._models()
        shared: dict[str, Any] = {"columns": self.columns, "random_state": self.random_state, "space": self.space}
        threaded = {**shared, "threads": self.threads}
        return [
            ExtraTrees(**threaded),
            GBDT(**threaded),
            GaussianProcess(**shared),
            ExtraTrees(encodings="columns" if self.columns else "reduced", target="rank", **threaded),
            GBDT(target="rank", **threaded),
            GaussianProcess(kernel="isotropic", encodings="reduced+reduced-wl+columns", **shared),
            Ridge(**shared),
        ]
