"""NAS-Bench-101: mean test accuracy and parameters of all 423,624 cells, as the authors of FreeREA keep them.

Cavagnero, Robbiano, Caputo and Averta, "FreeREA: Training-Free Evolution-Based Architecture Search", WACV 2023. Two
pickled frames whose rows are the cells in the order of their MD5 hashes, which is that of the space: test accuracy
(a fraction) after 108 epochs, the mean of three trainings, and trainable parameters (in millions). The frame of
parameters also has the times of two proxies' computation, which are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proxybench.errors import CorruptData
from proxybench.readers.frame_pickle import read_frame_pickle
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.nasbench101 import NASBench101
from proxybench.spaces.nasbench101_cells import shipped_cells
from proxybench.tables.store.schema import MEAN, UNTRAINED, Fragment, fragment, joined

DATASET = "cifar10"
EPOCHS = 108


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Mean test accuracy in percent, and parameters, of every cell.

    Args:
        paths: the frame of accuracies, then that of parameters.
        space: nasbench101.

    Raises:
        CorruptData: if a frame is not one finite number for each cell, in order.
    """
    if not isinstance(space, NASBench101):
        raise TypeError(f"FreeREA's frames hold NAS-Bench-101 cells, not those of {space!r}")
    accuracies = _numbers(paths[0], "accuracy", len(space), 1.0)
    parameters = _numbers(paths[1], "params", len(space), 1000.0)
    cells = shipped_cells()
    texts = [cells.text(row) for row in range(len(space))]
    n = len(texts)
    trained: dict[str, Any] = {"arch": texts, "dataset": [DATASET] * n, "epochs": [EPOCHS] * n, "seed": [MEAN] * n}
    counted: dict[str, Any] = {"arch": texts, "dataset": [DATASET] * n}
    counted |= {key: [value] * n for key, value in UNTRAINED.items()}
    return joined(
        fragment({**trained, "test_acc": 100 * accuracies}),
        fragment({**counted, "params": np.rint(1e6 * parameters)}),
    )


def _numbers(path: Path, name: str, count: int, limit: float) -> NDArray[np.float64]:
    """A column of `count` numbers from 0 to `limit`, in the order of the column "index"."""
    frame = read_frame_pickle(path)
    if not {"index", name} <= frame.keys():
        raise CorruptData(f"{path}: has the columns {', '.join(frame)}, not index and {name}")
    order, values = np.asarray(frame["index"]), np.asarray(frame[name])
    if order.dtype.kind not in "iu" or not np.array_equal(order, np.arange(count)):
        raise CorruptData(f"{path}: the column index is not the numbers from 0 to {count - 1} in order")
    if values.dtype.kind != "f" or not ((values >= 0) & (values <= limit)).all():
        raise CorruptData(f"{path}: the column {name} is not numbers from 0 to {limit:g}")
    return values.astype(np.float64)
