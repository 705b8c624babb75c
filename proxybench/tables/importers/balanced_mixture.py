"""Balanced Mixture of SuperNets, the authors' CSV: ResNet-20 with every pooling configuration on CIFAR-10.

Columns: architecture (1 to 36, in the order of the authors' enumeration), baseline_avg and baseline_stdev (test
accuracy of stand-alone trainings, percent), and M1, M2, M4 and M8 with the same endings (accuracy with the weights of a
mixture of that many supernets). The header ends with a comma, and so does every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxybench.readers.untrusted import read_csv_columns, reading
from proxybench.spaces import EnumerableSpace
from proxybench.tables.importers.checks import percent
from proxybench.tables.store.schema import MEAN, UNTRAINED, Fragment, fragment_from_rows

DATASET = "cifar10"
EPOCHS = 1000  # the default of the published script for single trainings
MIXTURES = (1, 2, 4, 8)


def read(paths: Sequence[Path], space: EnumerableSpace) -> Fragment:
    """Read the CSV: test_acc and test_acc_sd of seed mean, and oneshot:mixture-M of M supernets at epochs 0.

    Raises:
        CorruptData: for a file of another form, or without each architecture once.
    """
    (path,) = paths
    names = {"test_acc": "baseline_avg", "test_acc_sd": "baseline_stdev"}
    estimates = {f"oneshot:mixture-{size}": f"M{size}_avg" for size in MIXTURES}
    columns = read_csv_columns(path, ["architecture", *names.values(), *estimates.values()])
    with reading(path):
        numbers = [int(text) for text in columns["architecture"]]
        if sorted(numbers) != list(range(1, len(space) + 1)):
            raise ValueError(f"the architectures are not the numbers 1 to {len(space)}, each once")
        rows = []
        for line, number in enumerate(numbers):
            cell = {"arch": space.format(space[number - 1]), "dataset": DATASET}
            rows.append(cell | {"epochs": EPOCHS, "seed": MEAN} | _values(columns, line, names))
            rows.append(cell | UNTRAINED | _values(columns, line, estimates))
    return fragment_from_rows(rows)


def _values(columns: dict[str, list[str]], line: int, names: dict[str, str]) -> dict[str, Any]:
    return {metric: percent(float(columns[name][line]), f"{name} of row {line + 1}") for metric, name in names.items()}
