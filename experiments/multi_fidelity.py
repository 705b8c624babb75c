"""Compares full trainings with a mixture of full and short ones at equal cost, on NAS-Bench-101.

    python experiments/multi_fidelity.py [--repeats 10]

The cost is counted in epochs of training. With the epochs of N full trainings of 108 epochs, `ensemble` learns from

- "full": N validation accuracies after 108 epochs;
- "short": those after E epochs of 108 N / E cells, and ranks by what it predicts for E epochs;
- "both": N / 2 full ones, with a column that another `ensemble` predicts from short trainings of 54 N / E other cells.

All are compared on the same cells, trained in none of them, by Kendall's tau with the test accuracy after 108 epochs.
The cells are the 30,001 of the table with accuracies after 4, 12 and 36 epochs, which in NAS-Bench-101 are trainings of
their own with a schedule of that length. Writes docs/results/multi-fidelity.csv. Needs `proxybench fetch nasbench101`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import proxybench as pb
from predictors import ArchBatch, make
from proxybench.evaluation.splits import hash_split
from proxybench.ranking.metrics import get_metric

FULL, SHORT, SIZES = 108, (4, 12, 36), (100, 172)
Floats = NDArray[np.float64]
OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "multi-fidelity.csv"
HEAD = ("epochs_of_full_trainings", "kind", "short_epochs", "full_trainings", "short_trainings", "split", "tau")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    bench, kendall = pb.load("nasbench101"), get_metric("kendall")
    cells = np.flatnonzero(bench.measured("val_acc", epochs=SHORT[0]))
    batch, digests = bench.batch()[cells], [bench.digests[cell] for cell in cells]
    learned = {epochs: bench.values("val_acc", epochs=epochs)[cells] for epochs in (*SHORT, FULL)}
    truth = bench.values("test_acc", epochs=FULL)[cells]
    rows: list[tuple[object, ...]] = []
    for n in SIZES:
        for repeat in range(repeats):
            trained = hash_split("multi-fidelity", repeat, digests, n + n * FULL // min(SHORT)).train
            test = np.setdiff1d(np.arange(len(cells)), trained)
            for kind, epochs, full, short, predicted in predictions(batch, learned, trained, n, repeat):
                tau = kendall(truth[test], predicted[test])
                rows.append((n * FULL, kind, epochs, full, short, repeat, f"{tau:.4f}"))
                print(*rows[-1], flush=True)
    with OUTPUT.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([HEAD, *rows])


def predictions(
    batch: ArchBatch, learned: Mapping[int, Floats], trained: NDArray[np.int64], n: int, seed: int
) -> Iterator[tuple[str, int, int, int, Floats]]:
    """Each way to spend the epochs of n full trainings: its name, E, its full and short trainings, its predictions.

    Args:
        batch: all cells.
        learned: their validation accuracies by epochs.
        trained: cells to train, the first n for full trainings.
        n: number of full trainings that the epochs suffice for.
        seed: of `ensemble`.
    """

    def fitted(rows: NDArray[np.int64], epochs: int, inputs: ArchBatch) -> Floats:
        model = make("ensemble", random_state=seed).fit(inputs[rows], learned[epochs][rows])
        return np.asarray(model.predict(inputs))

    yield "full", FULL, n, 0, fitted(trained[:n], FULL, batch)
    for epochs in SHORT:
        others = trained[n : n + n * FULL // epochs]
        yield "short", epochs, 0, len(others), fitted(others, epochs, batch)
        half = others[: len(others) // 2]
        wider = batch.with_columns(short=fitted(half, epochs, batch))
        yield "both", epochs, n // 2, len(half), fitted(trained[: n // 2], FULL, wider)


if __name__ == "__main__":
    main()
