"""Gaussian process regression over encodings, with one kernel term for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from predictors.encodings import Columns, LearningCurves, WeisfeilerLehman, encoding_parts
from predictors.errors import unknown_name
from predictors.tabular.base import UncertainTabular
from predictors.tabular.blockwise_gp import Block, BlockwiseGP
from predictors.tabular.rows import Rows
from predictors.tabular.scaling import Standard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KERNELS = ("ard", "isotropic", "joint", "wl")


@dataclass(eq=False, repr=False, kw_only=True)
class GaussianProcess(UncertainTabular):
    """Gaussian process with a sum of Matern-5/2 kernels (`BlockwiseGP`).

    Standard deviations are those of a new measurement, calibrated on leave-one-out residuals of the training set.

    The data used to choose the defaults is not recorded (CONTRIBUTING.md, "Where defaults come from").

    Args:
        kernel: "ard" has one term per encoding, with a length scale for each feature of the last one, the columns;
            "isotropic" is the same with one length scale per encoding; "joint" is "ard" plus a term over all encodings
            with a length scale for each, which finds interactions of graph and columns; "wl" replaces the encodings of
            the graph by Weisfeiler-Lehman counts, as in Ru et al., "NAS-BOWL", ICLR 2021, and keeps those of the
            columns.
        tuned_on: maximum number of architectures to fit hyperparameters on.
        limit: maximum number of training architectures.
        encodings, columns, target, random_state, space: as in Tabular.
    """

    kernel: str = "ard"
    tuned_on: int = 300
    limit: int = 4500

    def unfitted_rows(self) -> Rows:
        if self.kernel not in KERNELS:
            raise unknown_name("kernel", self.kernel, KERNELS)
        parts = encoding_parts(self.encodings)
        if self.kernel == "wl":
            parts = [WeisfeilerLehman(), *(part for part in parts if isinstance(part, (Columns, LearningCurves)))]
        return Rows(parts, self.columns)

    def deviation_rows(self, encoded: Floats) -> Floats:
        deviation: Floats = self.regressor_.predict_std(self.standard_.transform(encoded))
        return deviation

    def held_out_scores(self, folds: Sequence[NDArray[np.int64]]) -> Floats | None:
        rows = len(self.regressor_.rows_)
        if rows < sum(len(fold) for fold in folds) or rows < _ROWS_PER_SETTING * len(self.regressor_.theta_):
            return None
        return np.where(self.constant_rows_, self.constant_, self.regressor_.held_out(folds))

    def _left_out(self) -> tuple[Floats, Floats]:
        residuals: tuple[Floats, Floats] = self.regressor_.leave_one_out()
        return residuals

    def _regressor(self, rows: Floats, targets: Floats) -> BlockwiseGP:
        self.standard_ = Standard().fit(rows)
        self.constant_rows_ = rows[:, -1] > 0
        process = BlockwiseGP(self._blocks(), self.tuned_on, self.limit, self.random_state)
        return process.fit(self.standard_.transform(rows), targets)

    def _answer(self, encoded: Floats) -> Any:
        return self.regressor_.predict(self.standard_.transform(encoded))

    def _blocks(self) -> list[Block]:
        ends = np.cumsum(self.rows_.widths_)
        features = np.arange(ends[-1]) if len(ends) else np.empty(0, np.int64)
        blocks = [Block(part) for part in np.split(features, ends[:-1]) if len(part)]
        groups = tuple(len(block.features) for block in blocks)
        if blocks and self.rows_.in_band_last and groups[-1] <= _MOST_LENGTHS.get(self.kernel, 0):
            blocks[-1] = Block(blocks[-1].features, relevance=True)
        if self.kernel == "joint" and len(groups) > 1:
            blocks.append(Block(features, groups=groups))
        return blocks


# With fewer rows the hyperparameters, which are fitted to all of them, make those held out look too well predicted.
_ROWS_PER_SETTING = 10
# More columns share one length scale; separate ones would be slow and too many to learn.
_MOST_LENGTHS = {"ard": 48, "joint": 96}
