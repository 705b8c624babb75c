"""Where predictors err: pairs of cells in the wrong order, by how far their true accuracies differ.

    python experiments/wrong_pairs.py [--repeats 5]

`ensemble` learns from the validation accuracy of n cells and orders pairs of others, drawn at random, by what it
predicts. "validation accuracy" orders the same pairs by their true validation accuracy, which is what a predictor that
makes no error would do: its wrong pairs are the noise of trainings. Truth is the test accuracy after the
last epoch. The cells are those with both accuracies, all of NAS-Bench-201 and 30,001 of NAS-Bench-101. Writes
docs/results/wrong-pairs.csv. Needs `proxybench fetch nasbench201 nasbench101`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import proxybench as pb
from predictors import make
from proxybench.evaluation.splits import hash_split

BANDS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 100.0)  # percentage points of test accuracy
PAIRS = 1_000_000
OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "wrong-pairs.csv"
HEAD = ("table", "n_train", "split", "by", "above", "up_to", "pairs", "wrong")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """A table with validation and test accuracies at a number of epochs, and the arguments of `ensemble` there."""

    name: str
    validated: str
    tested: str
    epochs: int
    sizes: tuple[int, ...]
    arguments: dict[str, int]


TABLES = (
    Table("nasbench201", "cifar10-valid", "cifar10", 200, (78, 781), {}),
    Table("nasbench101", "cifar10", "cifar10", 108, (100, 424), {"graphs": 2}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    rows = []
    for table in TABLES:
        for row in _counted(table, repeats):
            rows.append(row)
            print(*row, flush=True)
    with OUTPUT.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([HEAD, *rows])


def _counted(table: Table, repeats: int) -> Iterator[tuple[object, ...]]:
    """Pairs, and those in the wrong order, in each band of differences."""
    bench = pb.load(table.name)
    batch = bench.batch("all", dataset=table.tested)
    validation = bench.values("val_acc", dataset=table.validated, epochs=table.epochs)
    test = bench.values("test_acc", dataset=table.tested, epochs=table.epochs)
    known = np.flatnonzero(np.isfinite(validation) & np.isfinite(test))
    digests = [bench.digests[cell] for cell in known.tolist()]
    for n in table.sizes:
        for repeat in range(repeats):
            split = hash_split("wrong pairs", repeat, digests, n)
            train, cells = known[split.train], known[split.test]
            model = make("ensemble", random_state=repeat, **table.arguments)
            model.fit(batch[train], validation[train])
            scores = {"ensemble": model.predict(batch[cells]), "validation accuracy": validation[cells]}
            for by, values in scores.items():
                for low, high, pairs, wrong in _by_difference(test[cells], values, repeat):
                    yield table.name, n, repeat, by, low, high, pairs, wrong


def _by_difference(truth: Floats, scores: Floats, seed: int) -> Iterator[tuple[float, float, int, int]]:
    """For each band, its limits, the number of pairs, and of those that the scores put in the wrong order.

    Pairs with equal accuracies have no order and are left out; equal scores are wrong half of the time.
    """
    one, other = np.random.default_rng(seed).integers(0, len(truth), (2, PAIRS))
    difference = truth[one] - truth[other]
    agreement = np.sign(difference) * np.sign(scores[one] - scores[other])
    wrong = np.where(agreement < 0, 1.0, np.where(agreement == 0, 0.5, 0.0))
    for low, high in pairwise(BANDS):
        inside = (np.abs(difference) > low) & (np.abs(difference) <= high)
        yield low, high, int(inside.sum()), int(wrong[inside].sum())


if __name__ == "__main__":
    main()
