"""NAS-Bench-201 accuracies in the pickled frames of the authors of NASWOT: after 200 epochs, and after 12.

Mellor, Turner, Storkey and Crowley, "Neural Architecture Search without Training", ICML 2021. The rows are in the index
order of NATS-Bench and name their cell. The names of the columns are the authors'; what they hold follows from their
agreement with other sources of the table: `valid_top1` is the accuracy on the 25,000 validation images of the
cifar10-valid training (x-valid in NATS-Bench), the mean over its runs, and `valid_test_top1` that of the same training
on the test set. The frame's own NASWOT score, and its test accuracy, which other sources have by run, are not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from proxybench.errors import CorruptData
from proxybench.readers.frame_pickle import Column, read_frame_pickle
from proxybench.spaces.base import SearchSpace
from proxybench.tables.store.schema import MEAN, Fragment, fragment, joined

VALID = "cifar10-valid"  # the training on half of the training images, as NATS-Bench calls it
TWELVE = {
    "cifar10": {"test_acc": "cifar10-test", "val_acc": "cifar10-val"},
    "cifar100": {"test_acc": "cifar100-test", "val_acc": "cifar100-val"},
    "ImageNet16-120": {"test_acc": "imagenet-test", "val_acc": "imagenet-val"},
}


def valid(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Validation and test accuracy of the cifar10-valid training after 200 epochs, as data set "cifar10-valid".

    Raises:
        CorruptData: if the file is not that frame.
    """
    frame, archs = _frame(paths[0], space)
    return _accuracies(paths[0], frame, archs, VALID, 200, {"val_acc": "valid_top1", "test_acc": "valid_test_top1"})


def twelve_epochs(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Validation and test accuracy on three data sets after the schedule of 12 epochs.

    Raises:
        CorruptData: if the file is not that frame.
    """
    frame, archs = _frame(paths[0], space)
    return joined(*(_accuracies(paths[0], frame, archs, name, 12, columns) for name, columns in TWELVE.items()))


def _frame(path: Path, space: SearchSpace) -> tuple[dict[str, Column], list[str]]:
    """The frame, and the architecture of each row."""
    frame = read_frame_pickle(path)
    texts, numbers = frame.get("cellstr"), np.asarray(frame.get("arch", []))
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise CorruptData(f"{path}: has no column of cells called cellstr")
    if not np.array_equal(numbers, np.arange(len(texts))):
        raise CorruptData(f"{path}: the column arch is not the numbers of the rows")
    archs = [space.format(space.parse(text)) for text in texts]
    if len(set(archs)) != len(archs):
        raise CorruptData(f"{path}: a cell occurs twice")
    return frame, archs


def _accuracies(
    path: Path, frame: Mapping[str, Column], archs: list[str], dataset: str, epochs: int, columns: Mapping[str, str]
) -> Fragment:
    n = len(archs)
    values: dict[str, Any] = {}
    for metric, name in columns.items():
        column = np.asarray(frame.get(name, []))
        if column.shape != (n,) or column.dtype.kind != "f" or not ((column >= 0) & (column <= 100)).all():
            raise CorruptData(f"{path}: column {name} is not {n} percentages")
        values[metric] = column
    return fragment({"arch": archs, "dataset": [dataset] * n, "epochs": [epochs] * n, "seed": [MEAN] * n, **values})
