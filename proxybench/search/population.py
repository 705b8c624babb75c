"""The candidates of a search as rows of a table, and the quantities that a search queries and reports.

A candidate is one distinct architecture: rows with equal digest in the space are one candidate and one query. It is
represented by the row with the most training-free values, the first of those in index order, and answers with that
row's results. `distinct="index"` makes every row a candidate, as in papers that search all 15,625 texts of
NAS-Bench-201.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchGraph
from proxybench.search.problem import Floats, Problem
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.quantities import budgets, quantities, signed_values

_COSTS = ("params", "flops")  # costs that depend on the graph alone; latency and energy have to be measured


def find_problem(
    bench: Benchmark,
    dataset: str | None = None,
    objective: str | None = None,
    report: str | None = None,
    *,
    where: Sequence[str] = (),
    distinct: Literal["digest", "index"] = "digest",
    fidelities: bool = False,
    columns_of: str | None = None,
    computed: bool = False,
) -> Problem:
    """Create a search problem from a table.

    Args:
        bench: the table.
        dataset: data set whose columns are free, and for quantities that do not name one.
        objective: the quantity that a query returns; by default the validation result at the largest epochs.
        report: the quantity to report for the architecture that a search returns; by default test_acc at its largest
            epochs if the data set has it.
        where: metrics that must be measured; together with finite answers they select the rows.
        distinct: "digest" makes isomorphic architectures one candidate, "index" every row its own.
        columns_of: data set of the training-free columns: None for `dataset`, the name of another, or "all"
            for those of every data set, named `proxy:NAME[DATASET]`.
        computed: whether proxies computed by this project are included, as `proxy:NAME@proxybench`.
        fidelities: whether to include answers at smaller epochs, for Hyperband. They must be finite as well.

    Raises:
        InvalidProblem: if no row has all requested values.
        NotMeasured: if the data set has no default objective.
        InvalidText: if a text is not a quantity.
        UnknownName: if the table does not have a data set, metric, epochs or seed.
        DataNotAvailable: with `computed`, if no scores of the space come with the project.
    """
    dataset, asked, shown = quantities(bench, dataset, objective, report)
    epochs_of = budgets(bench, asked, dataset)
    answers = {
        epochs: signed_values(bench, asked, dataset, epochs) for epochs in (epochs_of if fidelities else epochs_of[-1:])
    }
    reported = signed_values(bench, shown, dataset) if shown else None
    chosen = np.all([np.isfinite(values) for values in answers.values()], axis=0)
    if reported is not None:
        chosen &= np.isfinite(reported)
    for metric in where:
        chosen &= bench.measured(metric, dataset=dataset)
    columns = _free_columns(bench, bench.datasets if columns_of == "all" else [columns_of or dataset])
    if computed:
        columns |= bench.batch("computed", dataset).columns
    rows = np.flatnonzero(chosen)
    if distinct == "digest":
        rows = _representatives(rows, bench.digests, columns)
    names = bench.digests if distinct == "digest" else bench.archs
    return Problem(
        bench.space,
        _Archs(bench, rows),
        {epochs: values[rows] for epochs, values in answers.items()},
        reported=None if reported is None else reported[rows],
        columns={name: values[rows] for name, values in columns.items()},
        seconds=_seconds(bench, asked.dataset or dataset, answers, rows),
        key=bench.space.digest if distinct == "digest" else bench.space.format,
        keys=[names[row] for row in rows.tolist()],
        rows=rows,
        name=f"{bench.name} {dataset} {asked}",
    )


class _Archs(Sequence[ArchGraph]):
    """Rows of a table as graphs, parsed on access: most searches use few of them."""

    def __init__(self, bench: Benchmark, rows: NDArray[np.int64]) -> None:
        self._bench = bench
        self._rows = rows
        self._graphs: dict[int, ArchGraph] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> ArchGraph: ...
    @overload
    def __getitem__(self, index: slice) -> list[ArchGraph]: ...
    def __getitem__(self, index: int | slice) -> ArchGraph | list[ArchGraph]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        place = range(len(self))[index]
        if place not in self._graphs:
            self._graphs[place] = self._bench.arch(int(self._rows[place]))
        return self._graphs[place]


def _representatives(rows: NDArray[np.int64], digests: Sequence[str], columns: dict[str, Floats]) -> NDArray[np.int64]:
    """One row per digest, in the order of first occurrence."""
    known = np.sum([np.isfinite(values) for values in columns.values()], axis=0) if columns else np.zeros(len(digests))
    best: dict[str, int] = {}
    for row in rows.tolist():
        other = best.setdefault(digests[row], row)
        if known[row] > known[other]:
            best[digests[row]] = row
    return np.array(list(best.values()), dtype=np.int64)


def _free_columns(bench: Benchmark, datasets: Sequence[str]) -> dict[str, Floats]:
    columns = {}
    for dataset in datasets:
        label = "" if len(datasets) == 1 else f"[{dataset}]"
        for name in bench.metrics(dataset):
            if name.startswith(("proxy:", "config:")) or name in _COSTS:
                full = f"cost:{name}" if name in _COSTS else name
                columns[full + label] = bench.values(name, dataset=dataset)
    return columns


def _seconds(
    bench: Benchmark, dataset: str, budgets: Sequence[int] | dict[int, Floats], rows: NDArray[np.int64]
) -> dict[int, Floats]:
    """The training seconds at each budget for which the table has them for every candidate."""
    if "train_s" not in bench.metrics(dataset):
        return {}
    there = set(bench.epochs("train_s", dataset)) & set(budgets)
    found = {epochs: bench.values("train_s", dataset=dataset, epochs=epochs)[rows] for epochs in there}
    return {epochs: seconds for epochs, seconds in found.items() if np.isfinite(seconds).all()}
