"""A good default: learners of different kinds, weighted by cross-validation on the training set alone."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from predictors.ensemble import Ensemble
from predictors.tabular import GBDT, ExtraTrees, GaussianProcess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from predictors.arch import ArchBatch
    from predictors.learner import TrainingScores

_ALL = "reduced+reduced-wl+columns"


class Auto(Ensemble):
    """A Gaussian process, two kinds of graph networks and two of trees, weighted by how well they do.

    Each candidate predicts held-out parts of the training set, and the weights come from those predictions alone
    (`Ensemble` with "weigh"). Nothing outside the training set is used. The candidates are a Gaussian process whose
    kernel joins graph and columns, extra trees, boosted trees and, if the architectures have graphs and torch is
    installed, GATES in two passes and the graph transformer. More candidates of the same kinds were no better: they
    outweigh the other kinds where few labels cannot tell candidates apart.

    Processes with many architectures for each hyperparameter, and networks with at least 200 architectures, hold some
    out while they are fitted. The other candidates are also fitted once per fold.

    Args:
        members: a list of custom candidates, as in `Ensemble`; None for the default ones.
        folds: number of cross-validation folds; at most three for large training sets.
        columns, random_state, threads, space: passed to the candidates; random_state also seeds the folds.

    Attributes:
        report_: for each candidate the class, its arguments that are not the class's defaults, its out-of-fold
            Kendall's tau (None if nothing was held out), its weight and the seconds it took; and a note for kinds of
            candidates that were left out, and why.
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
            combine="weigh",
            folds=folds,
            columns=columns,
            random_state=random_state,
            threads=threads,
            space=space,
        )

    def _learn(self, batch: ArchBatch, targets: NDArray[np.float64]) -> TrainingScores:
        self.without_networks_ = _why_no_networks(batch)
        scores = super()._learn(batch, targets)
        self.report_: list[dict[str, Any]] = [
            {
                "predictor": type(model).__name__,
                "arguments": _changed(model),
                "tau": self.fold_scores_[place] if self.fold_scores_ else None,
                "weight": float(self.weights_[place]),
                "seconds": self.fit_seconds_[place],
            }
            for place, model in enumerate(self._models())
        ]
        if self.members is None and self.without_networks_:
            self.report_.append({"predictor": "graph networks", "left_out": self.without_networks_})
        return scores

    def _models(self) -> list[Any]:
        if self.members is not None:
            return super()._models()
        shared: dict[str, Any] = {"columns": self.columns, "random_state": self.random_state, "space": self.space}
        threaded = {**shared, "threads": self.threads}
        networks: list[Any] = []
        if not self.without_networks_:
            from predictors.graph import GATES, GraphTransformer

            networks = [GATES(layers=2, **threaded), GraphTransformer(**threaded)]
        return [
            GaussianProcess(kernel="joint", encodings=_ALL, **shared),
            *networks,
            ExtraTrees(**threaded),
            GBDT(**threaded),
        ]


def _why_no_networks(batch: ArchBatch) -> str:
    """Why graph networks cannot be candidates; empty if they can."""
    if not any(len(arch) for arch in batch):
        return "the architectures have no graphs"
    if len(batch) < 2:
        return "one architecture is too few"
    if find_spec("torch") is None or find_spec("torch_geometric") is None:
        return "torch is not installed"
    return ""


def _changed(model: Any) -> dict[str, Any]:
    """The arguments of a candidate that differ from the defaults of its class, without those that all share."""
    defaults = type(model)().get_params()
    shared = ("columns", "random_state", "space", "threads")
    return {name: value for name, value in model.get_params().items() if name not in shared and value != defaults[name]}
