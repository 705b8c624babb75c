"""NAS-Bench-101 validation accuracies for 30,001 cells, from the data files of the nasbench-vis project.

The files name cells by their official hash; one of them also gives matrix and operations, which must have that hash.
Their meaning was found by comparison with other excerpts of NAS-Bench-101: `108_final_validation_accuracy` is the
largest of the three repeats, so its rows carry the seed "max" and are never taken for a mean or a single training;
the accuracies after 4, 12 and 36 epochs are those of one repeat, seed "0". The files do not say of which repeat
`final_training_time` is; it belongs to the row with 108 epochs. The files have no test accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_json, reading
from proxybench.spaces.base import SearchSpace
from proxybench.spaces.nasbench101 import NASBench101
from proxybench.spaces.nasbench101_hash import OPERATIONS
from proxybench.tables.store.schema import UNTRAINED, Fragment, fragment_from_rows

DATASET = "cifar10"
SEED_OF_EPOCHS = {4: "0", 12: "0", 36: "0", 108: "max"}
_COLUMNS = {f"{epochs}_final_validation_accuracy": epochs for epochs in SEED_OF_EPOCHS}
_PADDING = -3  # operation of the vertices that fill a smaller cell up to seven
_OPERATION_OF_NUMBER = {-1: "input", -2: "output", **dict(enumerate(OPERATIONS))}

_NOTE = "val_acc after 108 epochs is the largest of three repeats, after 4, 12 and 36 epochs that of one repeat."

Measured = tuple[float, ...]


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Validation accuracy in percent, training seconds and parameters of the cells in all files, each once.

    Raises:
        CorruptData: for a file not in this format, a graph that does not have the hash given for it, or files that
            disagree.
    """
    if not isinstance(space, NASBench101):
        raise TypeError(f"nasbench-vis has cells of NAS-Bench-101, not of {space!r}")
    cells: dict[str, Measured] = {}
    texts: list[str] = []  # of the cells, in the same order
    for path in paths:
        with reading(path):
            document = read_json(path)
            for digest, measured in _rows(document):
                if cells.setdefault(digest, measured) != measured:
                    raise CorruptData(f"{path}: cell {digest} has other values than in an earlier row or file")
            texts += map(space.format, space.from_hashes(list(cells)[len(texts) :]))
            _check_graphs(path, document, space)
    rows = [row for text, measured in zip(texts, cells.values(), strict=True) for row in _table_rows(text, measured)]
    return fragment_from_rows(rows, [_NOTE])


def _rows(document: Any) -> list[tuple[str, Measured]]:
    """(hash, accuracies in the order of _COLUMNS, seconds, parameters) of each cell of a file."""
    names = [*_COLUMNS, "final_training_time", "trainable_parameters"]
    columns = [[_number(value) for value in document[name]] for name in names]
    return list(zip(document["key"], zip(*columns, strict=True), strict=True))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _check_graphs(path: Path, document: Any, space: NASBench101) -> None:
    """If a file has graphs, each must have the hash given for it."""
    if "adjacency" not in document:
        return
    for digest, matrix, numbers in zip(document["key"], document["adjacency"], document["operations"], strict=True):
        vertices = len(numbers) - list(numbers).count(_PADDING)
        bits = "".join(str(int(entry)) for row in matrix[:vertices] for entry in row[:vertices])
        numbers = numbers[:vertices]
        arch = space.parse(f"{bits}:{','.join(_OPERATION_OF_NUMBER[number] for number in numbers)}")
        if space.hash(arch) != digest:
            raise CorruptData(f"{path}: the graph given for {digest} has the hash {space.hash(arch)}")


def _table_rows(text: str, measured: Measured) -> list[dict[str, Any]]:
    *accuracies, seconds, parameters = measured
    key = {"arch": text, "dataset": DATASET}
    trained = [
        {**key, "epochs": epochs, "seed": SEED_OF_EPOCHS[epochs], "val_acc": 100 * accuracy}
        for epochs, accuracy in zip(_COLUMNS.values(), accuracies, strict=True)
    ]
    trained[-1]["train_s"] = seconds
    return [{**key, **UNTRAINED, "params": parameters}, *trained]
