"""Measures what estimates with the weights of supernets are worth as columns of `ensemble`.

    python experiments/inherited_columns.py [--repeats 10]

Trains `ensemble` on the validation accuracies of N cells of trained-nasbench201, without and with the accuracies and
losses that the cells have with the weights of one supernet (SPOS), or of all supernets in the table, and compares on
the other cells, on the same splits: docs/results/inherited-columns.csv.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

import proxybench as pb
from predictors import make
from proxybench.evaluation.splits import hash_split
from proxybench.ranking.metrics import get_metric

TABLE, EPOCHS, N, SEEDS = "trained-nasbench201", 3, 78, ("0", "1", "2")
OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "inherited-columns.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    bench, kendall = pb.load(TABLE), get_metric("kendall")
    learned, truth = (bench.values(name, epochs=EPOCHS) for name in ("val_acc", "test_acc"))
    inherited = [name for name in bench.metrics() if name.startswith("oneshot:")]
    cells = np.flatnonzero(np.all([bench.measured(name) for name in inherited], axis=0))
    learned, truth, digests = learned[cells], truth[cells], [bench.digests[cell] for cell in cells]
    rows = []
    for columns in ("training-free", "all"):
        plain = bench.batch(columns)[cells]
        for repeat in range(repeats):
            split = hash_split(TABLE, repeat, digests, N)
            seed = SEEDS[repeat % len(SEEDS)]
            one = {name: bench.values(name, seed=seed)[cells] for name in ("oneshot:spos", "oneshot:spos-loss")}
            batches = {
                "none": plain,
                "one supernet": plain.with_columns(**one),
                "all supernets": plain.with_columns(**{name: bench.values(name)[cells] for name in inherited}),
            }
            for name, batch in batches.items():
                model = make("ensemble", random_state=repeat).fit(batch[split.train], learned[split.train])
                tau = kendall(truth[split.test], model.predict(batch[split.test]))
                rows.append((columns, name, repeat, f"{tau:.4f}"))
                print(*rows[-1], flush=True)
    with OUTPUT.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([("columns", "inherited", "split", "tau"), *rows])


if __name__ == "__main__":
    main()
