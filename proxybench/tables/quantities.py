"""The meaning of a quantity such as `val_acc@12` in a table: its values, its direction, and the table's defaults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import NotMeasured, UnknownName
from proxybench.grammar import Quantity
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.editions import Needed
from proxybench.tables.store.schema import metric_of

_OBJECTIVES = (
    *("val_acc", "val_miou", "val_ssim", "val_neg_loss", "glue_score", "surrogate_acc", "test_acc", "supernet_acc"),
)


def sign_of(quantity: Quantity) -> float:
    """1 if larger is better, -1 if smaller is. Raises UnknownName for an unknown metric."""
    return 1.0 if metric_of(quantity.metric).larger_is_better else -1.0


def signed_values(bench: Benchmark, quantity: Quantity, dataset: str, epochs: int | None = None) -> NDArray[np.float64]:
    """The quantity of all rows, float64[n], negated if smaller is better.

    Args:
        bench: the table.
        quantity: the quantity to read.
        dataset: data set to use if the quantity names none.
        epochs: epochs to use instead of the quantity's own.

    Raises:
        UnknownName: like `Benchmark.values`.
    """
    budget = quantity.epochs if epochs is None else epochs
    values = bench.values(quantity.metric, dataset=quantity.dataset or dataset, epochs=budget, seed=quantity.seed)
    return np.asarray(sign_of(quantity) * values)


def budgets(bench: Benchmark, quantity: Quantity, dataset: str) -> list[int]:
    """The epochs for which the table has this quantity, up to the quantity's own, the largest last."""
    there = bench.epochs(quantity.metric, quantity.dataset or dataset)
    full = quantity.epochs if quantity.epochs is not None else there[-1]
    return [epochs for epochs in there if epochs < full] + [full]


def quantities(
    bench: Benchmark, dataset: str | None, objective: str | None, report: str | None
) -> tuple[str, Quantity, Quantity | None]:
    """Data set, objective and report, with defaults for missing ones.

    Args:
        bench: the table.
        dataset: data set of the table; None if there is only one.
        objective: the quantity that a search maximises; by default the validation result at the most epochs.
        report: the quantity to report for the result; by default test_acc at its most epochs, if any.

    Raises:
        UnknownName: if the table has several data sets and none is named.
        NotMeasured: if the data set has no default objective.
        InvalidText: if a text is not a quantity.
    """
    dataset = _dataset(bench, dataset)
    wanted = Quantity.parse(objective) if objective else _default(bench, dataset, _OBJECTIVES)
    if wanted is None:
        raise NotMeasured(f"{bench.name} has no objective on {dataset}; name one of {bench.metrics(dataset)}")
    return dataset, wanted, Quantity.parse(report) if report else _default(bench, dataset, ("test_acc",))


def edition_with(
    bench: Benchmark, dataset: str | None, named: Iterable[Quantity | str | None], where: Iterable[str] = ()
) -> Benchmark:
    """The first edition of a table that has a data set and the quantities that are named; see `tables.editions`.

    Args:
        bench: the table.
        dataset: data set of quantities that name none.
        named: quantities, or their texts; None for those that are left to the defaults of `quantities`.
        where: metrics that need no training and must be in the table.

    Raises:
        InvalidText: if a text is not a quantity.
    """
    parsed = [Quantity.parse(one) if isinstance(one, str) else one for one in named if one is not None]
    needs = [Needed(one.dataset or dataset, one.metric, one.epochs) for one in parsed]
    return bench.edition_with([Needed(dataset), *needs, *(Needed(dataset, metric) for metric in where)])


def has_objective(bench: Benchmark, dataset: str) -> bool:
    """Whether the data set has a default objective for a search."""
    return _default(bench, dataset, _OBJECTIVES) is not None


def _dataset(bench: Benchmark, dataset: str | None) -> str:
    if dataset is not None:
        return dataset
    if len(bench.datasets) > 1:
        raise UnknownName(f"{bench.name} has several data sets; name one of them: {', '.join(bench.datasets)}.")
    return bench.datasets[0]


def _default(bench: Benchmark, dataset: str, metrics: Sequence[str]) -> Quantity | None:
    measured = bench.metrics(dataset)
    found = next((metric for metric in metrics if metric in measured), None)
    return None if found is None else Quantity(found, bench.epochs(found, dataset)[-1])
