"""The official NATS-Bench archives, as nats_bench reads them with `fast_mode=True`.

Dong, Liu, Musial and Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI
2021. A folder contains `meta.pickle.pbz2` with all architecture texts in index order, and one file per architecture,
`000000.pickle.pbz2` and so on: {epoch budget: {"all_results": {(data set, seed): run}, "dataset_seed": ...}}.

Every run gives what `get_more_info` of nats_bench answers for its last epoch. Which evaluation of a run is meant:

    data set         trained on              val_acc               test_acc
    cifar10-valid    25,000 training images  x-valid, other 25,000 ori-test, the test set
    cifar10          all training images     (see below)           ori-test, the test set
    cifar100         all training images     x-valid, test half    x-test, the other test half
    ImageNet16-120   all training images     x-valid, test half    x-test, the other test half

The `cifar10` training has no validation data. As the field uses the benchmark, rows of `cifar10` get val_acc and
val_loss from the `cifar10-valid` training of the same cell, budget and seed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData, unknown_name
from proxybench.readers.untrusted import read_pickle_bz2, reading
from proxybench.spaces.base import SearchSpace
from proxybench.tables.store.schema import KEYS, MEAN, UNTRAINED, Fragment, fragment

KINDS = {"tss": ("nasbench201", (12, 200)), "sss": ("natsbench-size", (1, 12, 90))}
META = "meta.pickle.pbz2"
SETS = {
    "cifar10-valid": {"val": "x-valid", "test": "ori-test"},
    "cifar10": {"test": "ori-test"},
    "cifar100": {"val": "x-valid", "test": "x-test"},
    "ImageNet16-120": {"val": "x-valid", "test": "x-test"},
}
TRAINED = ("train_acc", "val_acc", "test_acc", "train_loss", "val_loss", "test_loss", "train_s")
COSTS = {"params": "params", "flops": "flop"}
COST_BUDGET = 12  # whose costs get_cost_info answers by default
COST_SEED = 888  # whose costs nats_bench trusts where the runs of a cell disagree
CHUNK = 256  # records between two arrow tables
NOTES = (
    "rows of cifar10 take val_acc and val_loss from the cifar10-valid training of the same cell, budget and seed",
    "latencies of the records are left out: the source does not name the device they were measured on",
)

Row = dict[str, Any]
Progress = Callable[[int, int], None]


def read(paths: Sequence[Path], space: SearchSpace, kind: str, progress: Progress | None = None) -> Fragment:
    """The listed records, or all of an archive folder in index order: one file in memory at a time.

    For each data set and epoch budget one row per seed, and one of seed "mean", which is what nats_bench answers
    with `is_random=False`; parameters and FLOPs as counts at epochs 0.

    Args:
        paths: records and, among them, the meta file of their archive; or the archive's folder alone.
        space: nasbench201 for "tss", natsbench-size for "sss".
        kind: "tss" or "sss".
        progress: called with the number of records read and of all records.

    Raises:
        CorruptData: when a file is damaged, or disagrees with the meta file or the documented format.
        UnknownName: for another kind.
    """
    import pyarrow as pa

    if kind not in KINDS:
        raise unknown_name("kind of NATS-Bench archive", kind, KINDS)
    if space.name != KINDS[kind][0]:
        raise ValueError(f"an archive of kind {kind!r} describes {KINDS[kind][0]}, not {space.name}")
    paths = [file for path in paths for file in (sorted(path.glob("*.pickle.pbz2")) if path.is_dir() else [path])]
    archs = _architectures([path for path in paths if path.name == META])
    records = [path for path in paths if path.name != META]
    tables, rows = [_table([])], list[Row]()
    for count, path in enumerate(records, start=1):
        rows += read_record(path, archs, KINDS[kind][1])
        if count % CHUNK == 0 or count == len(records):
            tables.append(_table(rows))
            rows = []
        if progress is not None:
            progress(count, len(records))
    return Fragment(pa.concat_tables(tables), NOTES)


def read_record(path: Path, archs: Sequence[str], budgets: Sequence[int]) -> list[Row]:
    """The rows of one file. Raises CorruptData when it is not the record of the architecture its name says."""
    record = read_pickle_bz2(path)
    with reading(path):
        index = _index(path, len(archs))
        results = {int(budget): result for budget, result in record.items()}
        if COST_BUDGET not in results or not set(results) <= set(budgets):
            raise CorruptData(f"{path}: epoch budgets {sorted(results)}; expected {list(budgets)}")
        for result in results.values():
            if (result["arch_index"], result["arch_str"]) != (index, archs[index]):
                raise CorruptData(f"{path}: is about {result['arch_str']!r}, the meta file has {archs[index]!r}")
        trained = (_trained_rows(archs[index], budget, result) for budget, result in results.items())
        return [*chain.from_iterable(trained), *_cost_rows(archs[index], results[COST_BUDGET])]


def _architectures(metas: Sequence[Path]) -> list[str]:
    if len(metas) != 1:
        raise CorruptData(f"{len(metas)} files named {META} among the files of a NATS-Bench archive; one is needed")
    meta = read_pickle_bz2(metas[0])
    archs = meta.get("meta_archs") if isinstance(meta, dict) else None
    if not isinstance(archs, list) or not all(isinstance(arch, str) for arch in archs):
        raise CorruptData(f"{metas[0]}: has no list of architectures")
    return archs


def _index(path: Path, architectures: int) -> int:
    match = re.fullmatch(r"(\d{1,6})\.pickle\.pbz2", path.name, re.ASCII)
    if match is None or int(match[1]) >= architectures:
        raise CorruptData(f"{path}: its name is not the index of one of {architectures} architectures")
    return int(match[1])


def _trained_rows(arch: str, budget: int, result: Mapping[str, Any]) -> Iterator[Row]:
    """One row per data set and seed, and their means."""
    metrics = {dataset: _metrics_of_seeds(result, dataset, budget) for dataset in SETS}
    for seed, validated in metrics["cifar10-valid"].items():
        borrowed = {name: validated[name] for name in ("val_acc", "val_loss")}
        metrics["cifar10"].setdefault(seed, {}).update(borrowed)
    for dataset, runs in metrics.items():
        for seed, values in runs.items():
            yield {"arch": arch, "dataset": dataset, "epochs": budget, "seed": seed, **values}


def _metrics_of_seeds(result: Mapping[str, Any], dataset: str, budget: int) -> dict[str, Row]:
    """Metrics by seed, in the order of the record, and their mean."""
    runs = _runs(result, dataset)
    if not runs:
        return {}
    metrics = {str(seed): _run_metrics(run, dataset, budget) for seed, run in runs.items()}
    return metrics | {MEAN: {name: _mean([values[name] for values in metrics.values()]) for name in TRAINED}}


def _runs(result: Mapping[str, Any], dataset: str) -> dict[int, Mapping[str, Any]]:
    return {int(seed): result["all_results"][dataset, seed] for seed in result["dataset_seed"].get(dataset, [])}


def _run_metrics(run: Mapping[str, Any], dataset: str, budget: int) -> Row:
    """The measurements of a run's last epoch; None for those that the record does not have."""
    if run["epochs"] != budget:
        raise ValueError(f"a run of {run['epochs']} epochs is listed under {budget} epochs")
    last = budget - 1
    times = run["train_times"]
    values = {
        "train_acc": float(run["train_acc1es"][last]),
        "train_loss": float(run["train_losses"][last]),
        "train_s": None if times is None else float(sum(times[epoch] for epoch in range(budget))),
    }
    for name in ("val", "test"):
        key = f"{SETS[dataset].get(name)}@{last}"
        values[f"{name}_acc"] = _float(run["eval_acc1es"].get(key))
        values[f"{name}_loss"] = _float(run["eval_losses"].get(key))
    for name in ("train_acc", "val_acc", "test_acc"):
        value = values[name]
        if value is not None and not 0 <= value <= 100:
            raise ValueError(f"{name} of {value} percent")
    return values


def _cost_rows(arch: str, result: Mapping[str, Any]) -> Iterator[Row]:
    for dataset in SETS:
        runs = _runs(result, dataset)
        if runs:
            costs = {name: _cost({seed: float(run[key]) for seed, run in runs.items()}) for name, key in COSTS.items()}
            yield {"arch": arch, "dataset": dataset, **UNTRAINED, **costs}


def _cost(millions: Mapping[int, float]) -> float | None:
    """A count from the millions that the runs state; where they disagree, as nats_bench does, that of one seed."""
    values: list[float | None] = list(millions.values())
    if len({f"{value:.5f}" for value in values}) > 1:
        values = [millions.get(COST_SEED)]
    mean = _mean(values)
    return None if mean is None else float(round(mean * 1e6))


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _mean(values: Sequence[float | None]) -> float | None:
    """Computed like nats_bench, term by term in the given order; None if a term is missing."""
    known = [value for value in values if value is not None]
    return sum(known) / len(values) if len(known) == len(values) else None


def _table(rows: Sequence[Row]) -> Any:
    names = (*KEYS, *TRAINED, *COSTS)
    return fragment({name: [row.get(name) for row in rows] for name in names}).values
