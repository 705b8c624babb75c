"""NAS-Bench-Macro, the authors' JSON: CIFAR-10 test accuracy of three trainings, parameters, FLOPs.

{architecture: {"test_acc": [percent, percent, percent], "mean_acc": percent, "std", "params": count, "flops": count}}.
A network was trained for 50 epochs; each accuracy is the best of the 50 on the test images. Architectures that the
authors' simplification identifies were trained once and share their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from proxybench.readers.untrusted import read_json, reading
from proxybench.spaces import SearchSpace
from proxybench.tables.importers.checks import mapping, number, percent, sequence
from proxybench.tables.store.schema import MEAN, UNTRAINED, Fragment, fragment_from_rows

EPOCHS = 50
TRAININGS = 3


def read(paths: Sequence[Path], space: SearchSpace) -> Fragment:
    """Read the file: test_acc in percent for seeds 0, 1, 2 and their published mean; params and flops as counts.

    Raises:
        CorruptData: for a file of another form, or an architecture with two different entries.
    """
    (path,) = paths
    with reading(path):
        entries = mapping(read_json(path), "the document")
        rows = [row for text, entry in entries.items() for row in _rows(text, entry, space)]
    return fragment_from_rows(rows)


def _rows(text: str, entry: object, space: SearchSpace) -> Iterator[dict[str, Any]]:
    values = mapping(entry, text)
    cell = {"arch": space.format(space.parse(text)), "dataset": "cifar10"}
    accuracies = sequence(values["test_acc"], f"test_acc of {text}")
    if len(accuracies) != TRAININGS:
        raise ValueError(f"{text} has {len(accuracies)} accuracies instead of {TRAININGS}")
    for seed, accuracy in enumerate(accuracies):
        yield cell | {"epochs": EPOCHS, "seed": str(seed), "test_acc": percent(accuracy, f"test_acc of {text}")}
    yield cell | {"epochs": EPOCHS, "seed": MEAN, "test_acc": percent(values["mean_acc"], f"mean_acc of {text}")}
    yield cell | UNTRAINED | {name: number(values[name], f"{name} of {text}") for name in ("params", "flops")}
