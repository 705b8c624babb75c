"""Answers partial queries of a table: completes data set, epochs and seed, and reads or averages the column.

An omitted part is filled in only if the table has a single possibility; the seed defaults to the mean over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import UnknownName, unknown_name
from proxybench.tables.store.merge import BlockKey
from proxybench.tables.store.pointer import BlockInfo, TableInfo
from proxybench.tables.store.schema import MEAN, UNTRAINED, is_training_free


class OpenTable(Protocol):
    """A table opened for reading, wherever its values are."""

    @property
    def info(self) -> TableInfo: ...

    @property
    def archs(self) -> Sequence[str]: ...

    @property
    def digests(self) -> Sequence[str]: ...

    @property
    def card(self) -> str: ...

    def column(self, key: BlockKey, metric: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Values (NaN where null) and whether each was measured, one entry per architecture."""


class Answer(NamedTuple):
    """A metric of all architectures: float64[n], NaN if not measured or not finite, and the mask of measured ones."""

    values: NDArray[np.float64]
    measured: NDArray[np.bool_]


class TableAnswers:
    """The values of a table, by partial queries; each answer is computed once.

    Args:
        table: the table.
    """

    def __init__(self, table: OpenTable) -> None:
        self._table = table
        self._name = table.info.name
        self._columns: dict[tuple[str, str, int, str], Answer] = {}
        self._answers: dict[tuple[str, str, int | None, str | None], Answer] = {}

    @property
    def blocks(self) -> Sequence[BlockInfo]:
        """The blocks of the table, one per (dataset, epochs, seed)."""
        return self._table.info.blocks

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets that the table has results for."""
        return sorted({block.dataset for block in self.blocks})

    def metrics(self, dataset: str | None) -> list[str]:
        """Names of the columns that have values, for one data set or for any."""
        blocks = self.blocks if dataset is None else self._blocks_of(dataset)
        return sorted({metric for block in blocks for metric in block.measured})

    def epochs(self, metric: str, dataset: str | None) -> list[int]:
        """The epoch budgets for which the table has `metric`."""
        return sorted({block.epochs for block in self._blocks_with(self._dataset(dataset), metric)})

    def seeds(self, metric: str, dataset: str | None, epochs: int | None) -> list[str]:
        """The seeds for which the table has `metric`."""
        dataset = self._dataset(dataset)
        blocks = self._blocks_with(dataset, metric)
        epochs = self._epochs(blocks, dataset, metric, epochs)
        return sorted(block.seed for block in blocks if block.epochs == epochs)

    def untrained(self, dataset: str) -> list[str]:
        """Names of the columns of a data set that methods see; see `schema.is_training_free`."""
        names = {
            metric
            for block in self._blocks_of(dataset)
            if block.epochs == UNTRAINED["epochs"]
            for metric in block.measured
        }
        return sorted(filter(is_training_free, names))

    def answer(self, dataset: str | None, metric: str, epochs: int | None, seed: int | str | None) -> Answer:
        """The values for a query; arguments and errors as in `Benchmark.query`."""
        question = (dataset or "", metric, epochs, seed if seed is None else str(seed))
        known = self._answers.get(question)
        if known is None:
            known = self._answers[question] = self._resolve(self._dataset(dataset), metric, epochs, seed)
        return known

    def _blocks_of(self, dataset: str) -> list[BlockInfo]:
        blocks = [block for block in self.blocks if block.dataset == dataset]
        if not blocks:
            raise unknown_name("dataset", dataset, self.datasets)
        return blocks

    def _blocks_with(self, dataset: str, metric: str) -> list[BlockInfo]:
        blocks = [block for block in self._blocks_of(dataset) if metric in block.measured]
        if not blocks:
            raise unknown_name("metric", metric, self.metrics(dataset), f"of {self._name} on {dataset}")
        return blocks

    def _dataset(self, dataset: str | None) -> str:
        if dataset is not None:
            return dataset
        if len(self.datasets) > 1:
            raise UnknownName(f"{self._name} has several data sets; choose one of: {', '.join(self.datasets)}.")
        return self.datasets[0]

    def _epochs(self, blocks: Sequence[BlockInfo], dataset: str, metric: str, epochs: int | None) -> int:
        budgets = sorted({block.epochs for block in blocks})
        if budgets == [UNTRAINED["epochs"]]:
            return budgets[0]
        if epochs is None and len(budgets) == 1:
            return budgets[0]
        known = ", ".join(map(str, budgets))
        if epochs is None:
            raise UnknownName(f"{metric} on {dataset} has several epochs; choose one of: {known}.")
        if epochs not in budgets:
            raise UnknownName(f"{epochs} is not among the epochs of {metric} on {dataset}. Valid: {known}.")
        return epochs

    def _resolve(self, dataset: str, metric: str, epochs: int | None, seed: int | str | None) -> Answer:
        blocks = self._blocks_with(dataset, metric)
        budget = self._epochs(blocks, dataset, metric, epochs)
        labels = [block.seed for block in blocks if block.epochs == budget]
        if len(labels) == 1 and (seed is None or budget == UNTRAINED["epochs"]):
            return self._column(dataset, metric, budget, labels[0])
        if str(seed) in labels and str(seed) != MEAN:
            return self._column(dataset, metric, budget, str(seed))
        runs = [label for label in labels if label.isdecimal()]
        if seed not in (None, MEAN) or not (runs or MEAN in labels):
            raise unknown_name(
                f"seed of {metric} on {dataset} at {budget} epochs",
                seed,
                dict.fromkeys([*labels, MEAN] if runs else labels),
            )
        return self._mean(dataset, metric, budget, runs, published=MEAN in labels)

    def _mean(self, dataset: str, metric: str, epochs: int, runs: Sequence[str], published: bool) -> Answer:
        """The mean published by the source if there is one, otherwise the mean over the measured runs."""
        n = self._table.info.architectures
        values = np.full(n, np.nan)
        measured = np.zeros(n, dtype=bool)
        if runs:
            columns = [self._column(dataset, metric, epochs, run) for run in runs]
            count = np.sum([column.measured for column in columns], axis=0)
            total = np.sum([np.where(column.measured, column.values, 0.0) for column in columns], axis=0)
            measured = count > 0
            values[measured] = total[measured] / count[measured]
        if published:
            mean = self._column(dataset, metric, epochs, MEAN)
            values, measured = np.where(mean.measured, mean.values, values), measured | mean.measured
        values.flags.writeable = False
        return Answer(values, measured)

    def _column(self, dataset: str, metric: str, epochs: int, seed: str) -> Answer:
        key = (dataset, metric, epochs, seed)
        if key not in self._columns:
            values, measured = self._table.column(BlockKey(dataset, epochs, seed), metric)
            values.flags.writeable = False
            self._columns[key] = Answer(values, measured)
        return self._columns[key]
