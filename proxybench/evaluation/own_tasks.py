"""The tasks of a table that the task list of this project does not have, such as one of the user's own results."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import InvalidTable
from proxybench.evaluation.tasks import Target, Task
from proxybench.scores.shipped import shipped_files
from proxybench.tables.benchmark import Benchmark
from proxybench.tables.store.schema import MEAN, is_untrained, metric_of

SIZES = (20, 50, 100, 200, 500, 1000, 2000)
_FEWEST = 10  # digests, for a training and a test part
_LEARNED = ("val_acc", "val_top5", "val_ssim", "val_neg_loss", "score", "test_acc", "val_loss", "loss")
_JUDGED = ("test_acc", "val_acc", "val_top5", "val_ssim", "val_neg_loss", "score", "test_loss", "val_loss", "loss")


def own_tasks(bench: Benchmark) -> list[Task]:
    """The tasks of a table.

    For each data set: a ranking of the whole population by each trained metric at its most epochs, and a task for
    predictors, which learn from the validation result and are judged by the test result if the table has them. They
    train on the `SIZES` up to half of the different architectures, and all are scored on the same remaining ones.

    Raises:
        InvalidTable: if no metric has two different values.
    """
    tasks = []
    for dataset in bench.datasets:
        targets = _targets(bench, dataset)
        where = f"{bench.name}-{dataset}" if len(bench.datasets) > 1 else bench.name
        tasks += [_ranking(bench, dataset, f"{where}-{_plain(metric)}", one) for metric, one in targets.items()]
        if learned := _learning(bench, dataset, f"{where}-predict", targets):
            tasks.append(learned)
    if not tasks:
        raise InvalidTable(f"table {bench.name} has no trained metric with two different values, so nothing to rank by")
    return tasks


def _plain(metric: str) -> str:
    """A metric as part of a task's name, which is also the name of a file."""
    return re.sub(r"[^\w.-]", "-", metric)


def _targets(bench: Benchmark, dataset: str) -> dict[str, Target]:
    """The trained metrics with at least two different values, each at its most epochs."""
    targets = {}
    for metric in bench.metrics(dataset):
        if is_untrained(metric):
            continue
        target = Target(metric, bench.epochs(metric, dataset)[-1], MEAN)
        values = _values(bench, dataset, target)
        if len(np.unique(values[np.isfinite(values)])) > 1 and metric_of(metric).unit != "seconds":
            targets[metric] = target
    return targets


def _ranking(bench: Benchmark, dataset: str, name: str, target: Target) -> Task:
    return Task(
        name=name,
        suites=(bench.name,),
        benchmark=bench.name,
        dataset=dataset,
        population=_population(bench, dataset, target),
        size=int(np.isfinite(_values(bench, dataset, target)).sum()),
        target=target,
        columns=_columns(bench),
        version=1,
    )


def _learning(bench: Benchmark, dataset: str, name: str, targets: dict[str, Target]) -> Task | None:
    """The task for predictors; None if too few architectures have both targets."""
    learned = next((targets[metric] for metric in _LEARNED if metric in targets), None)
    target = next((targets[metric] for metric in _JUDGED if metric in targets), None)
    if learned is None or target is None:
        return None
    known = np.isfinite(_values(bench, dataset, learned)) & np.isfinite(_values(bench, dataset, target))
    if not np.array_equal(known, np.isfinite(_values(bench, dataset, target))):
        learned = target  # some architectures lack the validation result
    rows = np.flatnonzero(np.isfinite(_values(bench, dataset, target)))
    digests = len({bench.digests[row] for row in rows.tolist()})
    if digests < _FEWEST:
        return None
    sizes = tuple(size for size in SIZES if size <= digests // 2) or (digests // 2,)
    return Task(
        name=name,
        suites=(bench.name,),
        benchmark=bench.name,
        dataset=dataset,
        population=_population(bench, dataset, target),
        size=len(rows),
        target=target,
        train_target=learned,
        sizes=sizes,
        n_test=digests - max(sizes),
        columns=_columns(bench),
        version=1,
    )


def _columns(bench: Benchmark) -> Literal["training-free", "all"]:
    """The columns that methods see, with the scores by this project if it has any for the space."""
    return "all" if shipped_files(bench.space.name) else "training-free"


def _population(bench: Benchmark, dataset: str, target: Target) -> str:
    finite = int(np.isfinite(_values(bench, dataset, target)).sum())
    return f"the {finite:,} of {len(bench):,} architectures with a finite {target.metric}"


def _values(bench: Benchmark, dataset: str, target: Target) -> NDArray[np.float64]:
    return bench.values(target.metric, dataset=dataset, epochs=target.epochs, seed=target.seed)
