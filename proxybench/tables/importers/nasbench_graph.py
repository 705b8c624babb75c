"""NAS-Bench-Graph's light files: accuracy, latency and parameters of each architecture on one data set.

Qin et al., "NAS-Bench-Graph: Benchmarking Graph Neural Architecture Search", NeurIPS 2022 datasets track. A file is
a pickled dictionary from the publishers' key of an architecture to its means over three training runs: `valid_perf`
and `perf` (validation and test, fractions), `latency` (seconds) and `para` (millions).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from predictors.errors import unknown_name
from proxybench.readers.untrusted import read_pickle, reading
from proxybench.spaces.nasbench_graph import NASBenchGraph
from proxybench.tables.importers.checks import percent
from proxybench.tables.store.schema import MEAN, UNTRAINED, Fragment, fragment

# Epoch budget per data set: hyper-parameter table in the paper's appendix.
EPOCHS = {
    "cora": 400,
    "citeseer": 400,
    "pubmed": 500,
    "cs": 400,
    "physics": 200,
    "photo": 500,
    "computers": 500,
    "arxiv": 500,
    "proteins": 500,
}
LATENCY = "latency_ms@gpu"


def read(paths: Sequence[Path], space: NASBenchGraph, dataset: str) -> Fragment:
    """The means of one file: accuracies at the data set's epoch budget, parameters and latency without training.

    Raises:
        UnknownName: for a data set that the benchmark does not have.
        CorruptData: when the file is damaged, or an accuracy is not a fraction.
    """
    if dataset not in EPOCHS:
        raise unknown_name("NAS-Bench-Graph data set", dataset, EPOCHS)
    [path] = paths
    table = read_pickle(path)
    with reading(path):
        keys = sorted(table)
        archs = [_text(space, key) for key in keys]
        n = len(keys)
        unmeasured = [None] * n
        params = [1e6 * float(table[key]["para"]) for key in keys]
        return fragment(
            {
                "arch": archs * 2,
                "dataset": [dataset] * 2 * n,
                "epochs": [EPOCHS[dataset]] * n + [UNTRAINED["epochs"]] * n,
                "seed": [MEAN] * n + [UNTRAINED["seed"]] * n,
                "val_acc": [percent(100 * float(table[key]["valid_perf"]), "valid_perf") for key in keys] + unmeasured,
                "test_acc": [percent(100 * float(table[key]["perf"]), "perf") for key in keys] + unmeasured,
                "params": unmeasured + params,
                LATENCY: unmeasured + [1e3 * float(table[key]["latency"]) for key in keys],
            },
            _notes(dataset, n, len(space), sum(abs(count - round(count)) > 0.01 for count in params)),
        )


@lru_cache(maxsize=2**15)
def _text(space: NASBenchGraph, key: int) -> str:
    """The architecture of a key; the nine files have the same ones."""
    return space.format(space.from_key(key))


def _notes(dataset: str, n: int, population: int, fractional: int) -> list[str]:
    notes = []
    if n < population:
        notes.append(f"{dataset}: {n:,} of the {population:,} architectures were trained.")
    if fractional:
        notes.append(f"{dataset}: the three runs of {fractional:,} architectures differ in size; params is their mean.")
    return notes
