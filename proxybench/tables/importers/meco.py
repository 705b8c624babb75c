"""CIFAR-10 test accuracy of each NAS-Bench-201 training run, as the authors of MeCo keep them.

Jiang et al., "MeCo: Zero-Shot NAS with One Data and Single Forward Pass via Minimum Eigenvalue of Correlation",
NeurIPS 2023. A pickled dictionary: six operation numbers, in the order of the published string, to one, two or three
accuracies after 200 epochs on all training data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_pickle, reading
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.nasbench201 import OPERATIONS
from proxybench.tables.store.schema import Fragment, fragment

NATS_SEEDS = ("777", "888", "999")


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """One row per cell and run.

    Three values are those of seeds 777, 888 and 999 in this order, which is their order in the NATS-Bench records that
    the file could be compared with. The file does not say which seeds one or two values belong to, so such runs are
    numbered "0" and "1", without a claim about seeds. (Two values are probably from seeds 777 and 888, and a single
    one from 888: for cells with two runs, the one that other sources of NAS-Bench-201 have is the second.)

    Raises:
        CorruptData: if the file is not the documented dictionary.
    """
    path = paths[0]
    runs = read_pickle(path)
    if not isinstance(runs, dict):
        raise CorruptData(f"{path}: {type(runs).__name__} instead of a dictionary")
    archs: list[str] = []
    seeds: list[str] = []
    accuracies: list[float] = []
    for code, values in runs.items():
        with reading(path):
            text = _text(code)
            accuracies += _accuracies(values)
        archs += [text] * len(values)
        seeds += NATS_SEEDS if len(values) == len(NATS_SEEDS) else [str(run) for run in range(len(values))]
    n = len(archs)
    fewer = sum(len(values) < len(NATS_SEEDS) for values in runs.values())
    notes = [f"{fewer} of {len(runs)} cells have fewer than three runs, whose seeds are not known"] if fewer else []
    keys: dict[str, Iterable[Any]] = {"arch": archs, "dataset": ["cifar10"] * n, "epochs": [200] * n, "seed": seeds}
    return fragment({**keys, "test_acc": accuracies}, notes)


def _text(code: Any) -> str:
    """0 none, 1 skip_connect, 2 nor_conv_1x1, 3 nor_conv_3x3, 4 avg_pool_3x3."""
    if not isinstance(code, tuple) or len(code) != 6 or not all(type(op) is int and 0 <= op < 5 for op in code):
        raise ValueError(f"{str(code)[:80]} is not a tuple of six operation numbers")
    a, b, c, d, e, f = (OPERATIONS[op] for op in code)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def _accuracies(values: Any) -> list[float]:
    if not isinstance(values, list) or not 1 <= len(values) <= len(NATS_SEEDS):
        raise ValueError(f"{str(values)[:80]} is not a list of one to three accuracies")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
            raise ValueError(f"{str(value)[:40]!r} is not an accuracy in percent")
    return [float(value) for value in values]
