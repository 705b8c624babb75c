"""NAS-Bench-201 accuracies as the authors of RoBoT keep them: lists in NATS-Bench index order.

He et al., "Robustifying and Boosting Training-Free Neural Architecture Search", ICLR 2024. The test accuracies are
means over the runs that the authors' version of NAS-Bench-201 held: for CIFAR-10 all the runs that `meco` lists in
11,595 cells, a single one of two or three in 3,950, two of three in 80.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_pickle, reading
from proxybench.spaces.base import SearchSpace
from proxybench.tables.store.schema import MEAN, Fragment, fragment


def test_accuracy(paths: Sequence[Path], space: SearchSpace, dataset: str) -> Fragment:
    """Mean test accuracy after 200 epochs.

    Args:
        paths: the list, then the file of `twelve_epochs`, whose order of cells the list follows.
        space: nasbench201.
        dataset: cifar10 (test set), cifar100 or ImageNet16-120 (`x-test`, the half of the test set that NATS-Bench
            keeps for testing).

    Raises:
        CorruptData: if the list does not hold one percentage for each cell.
    """
    archs = [cell["arch"] for cell in _cells(paths[1], space)]
    values = read_pickle(paths[0])
    if not isinstance(values, list) or len(values) != len(archs):
        found = f"{len(values)} values" if isinstance(values, list) else type(values).__name__
        raise CorruptData(f"{paths[0]}: {found} instead of a list of {len(archs)}")
    return fragment({**_keys(archs, dataset, 200), "test_acc": _numbers(paths[0], values, 100)})


def twelve_epochs(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Validation accuracy and training time of the 12-epoch schedule on CIFAR-10.

    Both are means over the `cifar10-valid` trainings, which see half of the training data (25,000 images), so the time
    is about half of what a training on all of it takes.

    Raises:
        CorruptData: when the file is not the documented list, or names a cell twice.
    """
    cells = _cells(paths[0], space)
    return fragment(
        {
            **_keys([cell["arch"] for cell in cells], "cifar10", 12),
            "val_acc": _numbers(paths[0], [cell.get("valacc") for cell in cells], 100),
            "train_s": _numbers(paths[0], [cell.get("cost") for cell in cells]),
        }
    )


def _keys(archs: list[str], dataset: str, epochs: int) -> dict[str, Iterable[Any]]:
    n = len(archs)
    return {"arch": archs, "dataset": [dataset] * n, "epochs": [epochs] * n, "seed": [MEAN] * n}


def _cells(path: Path, space: SearchSpace) -> list[dict[str, Any]]:
    """The entries of the 12-epoch file, checked to be cells of the space in index order, each once."""
    cells = read_pickle(path)
    if not isinstance(cells, list):
        raise CorruptData(f"{path}: {type(cells).__name__} instead of a list")
    seen: set[str] = set()
    for index, cell in enumerate(cells):
        with reading(path):
            if not isinstance(cell, dict) or cell.get(str(index)) != index:
                raise CorruptData(f"{path}: entry {index} is not the dictionary of cell {index}")
            text = space.format(space.parse(cell.get("arch")))  # parse refuses anything but text
            if text != cell["arch"] or text in seen:
                raise CorruptData(f"{path}: entry {index} names {cell['arch']!r}, not a cell of its own")
        seen.add(text)
    return cells


def _numbers(path: Path, values: Sequence[Any], limit: float = math.inf) -> list[float]:
    for index, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= limit:
            raise CorruptData(f"{path}: entry {index}: {str(value)[:40]!r} is not a number from 0 to {limit}")
    return [float(value) for value in values]
