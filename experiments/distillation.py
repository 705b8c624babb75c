"""Measures how much of `auto` a student keeps that learned from its predictions, and how much faster it predicts.

    python experiments/distillation.py [--repeats 3]

`auto` learns from the validation accuracy of n cells. Its scores of other cells, drawn at random and without labels,
are the targets of `gbdt`, the student. Both rank 6,000 further cells by test accuracy after the last epoch; seconds are
those of these predictions on one thread, encoding included, in the same run. "labels alone" is the student trained on
the n labels. Writes docs/results/distillation.csv. Needs `proxybench fetch nasbench201 nasbench101`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import proxybench as pb
from predictors import ArchBatch, make
from proxybench.evaluation.splits import hash_split
from proxybench.ranking.metrics import get_metric

UNLABELLED = (2_000, 8_000)
RANKED = 6_000
OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "distillation.csv"
HEAD = ("table", "n_train", "split", "method", "unlabelled", "kendall", "fit_s", "predict_s")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """A table with validation and test accuracies after the last epoch, and the sizes of the training sets."""

    name: str
    validated: str
    epochs: int
    sizes: tuple[int, ...]


TABLES = (Table("nasbench201", "cifar10-valid", 200, (78, 156)), Table("nasbench101", "cifar10", 108, (100, 172)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    rows = []
    for table in TABLES:
        for row in _measured(table, repeats):
            rows.append(row)
            print(*row, flush=True)
    with OUTPUT.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([HEAD, *rows])


def _measured(table: Table, repeats: int) -> Iterator[tuple[object, ...]]:
    bench = pb.load(table.name)
    batch = bench.batch("training-free", dataset="cifar10")
    validation = bench.values("val_acc", dataset=table.validated, epochs=table.epochs)
    test = bench.values("test_acc", dataset="cifar10", epochs=table.epochs)
    known = np.flatnonzero(np.isfinite(validation) & np.isfinite(test))
    digests = [bench.digests[cell] for cell in known.tolist()]
    for n in table.sizes:
        for repeat in range(repeats):
            split = hash_split("distillation", repeat, digests, n)
            train = known[split.train]
            others = np.random.default_rng(repeat).permutation(known[split.test])
            ranked, free = others[:RANKED], others[RANKED:]
            labelled = batch[train], validation[train]
            teacher, *figures = _fitted("auto", *labelled, batch[ranked], test[ranked], repeat)
            yield table.name, n, repeat, "auto", 0, *figures
            yield (
                table.name,
                n,
                repeat,
                "labels alone",
                0,
                *_fitted("gbdt", *labelled, batch[ranked], test[ranked], repeat)[1:],
            )
            for count in UNLABELLED:
                pool = batch[free[:count]]
                _, *figures = _fitted("gbdt", pool, teacher.scores(pool), batch[ranked], test[ranked], repeat)
                yield table.name, n, repeat, "student", count, *figures


def _fitted(
    name: str, batch: ArchBatch, targets: Floats, ranked: ArchBatch, truth: Floats, seed: int
) -> tuple[Any, float, float, float]:
    """The fitted predictor, Kendall's tau-b, seconds of the fit, and seconds of predicting the ranked cells."""
    start = perf_counter()
    model = make(name, random_state=seed).fit(batch, targets)
    fitted = perf_counter()
    predicted = model.predict(ranked)
    done = perf_counter()
    return model, float(get_metric("kendall")(truth, predicted)), fitted - start, done - fitted


if __name__ == "__main__":
    main()
