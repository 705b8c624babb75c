"""Measures whether ParZC's gain over its proxies carries over to the vision transformers of ViT-Bench-101.

    python experiments/parzc_transformers.py [--repeats 2]

For each accuracy of the tables vit-bench-pit and vit-bench-autoformer, the architectures with full-size scores are cut
into five parts by a hash. Each part is ranked by predictors that learn from the accuracies of the other four, by single
proxies, and by the proxy with the best tau on the other four. Adds Kendall's tau of each part to
docs/results/parzc-transformers.csv, after each data set; what the file has already is not computed again. Needs
`proxybench fetch vit-bench-pit vit-bench-autoformer`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import proxybench as pb
from predictors import ArchBatch, make
from proxybench.evaluation.splits import hash_key
from proxybench.ranking.metrics import get_metric
from proxybench.scores.shipped import required_full_size

TABLES, PARTS = ("vit-bench-pit", "vit-bench-autoformer"), 5
LEARNED = ("parzc", "parzc_paper", "ridge")
PROXIES = ("params", "flops", "auto_prox_a", "auto_prox_p", "dss", "w_pca", "l_swag", "nwot")
OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "parzc-transformers.csv"
HEAD = ("table", "dataset", "repeat", "part", "method", "tau")
Floats = NDArray[np.float64]
Measure = Callable[[Floats, Floats], float | None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2)
    repeats, kendall = parser.parse_args().repeats, get_metric("kendall")
    done = _done()
    for table in TABLES:
        bench = pb.load(table)
        scores = required_full_size(bench.space.name)
        scored = np.isin(np.asarray(bench.digests), np.asarray(scores.digests))
        for dataset in (name for name in bench.datasets if (table, name) not in done):
            rows: list[tuple[object, ...]] = []
            accuracies = _accuracies(bench, dataset)
            known = np.flatnonzero(scored & np.isfinite(accuracies))
            batch, accuracies = scores.join([bench.arch(row) for row in known], bench.space), accuracies[known]
            digests = [bench.digests[row] for row in known]
            for repeat in range(repeats):
                order = sorted(range(len(known)), key=lambda row: hash_key(f"{table} {dataset}", repeat, digests[row]))
                for part in range(PARTS):
                    test = np.array(order[part::PARTS])
                    train = np.setdiff1d(np.arange(len(known)), test)
                    for name, ranking in _rankings(batch, accuracies, train, test, repeat, kendall):
                        tau = kendall(accuracies[test], ranking)
                        rows.append((table, dataset, repeat, part, name, "" if tau is None else f"{tau:.4f}"))
            with OUTPUT.open("a", newline="") as stream:
                csv.writer(stream, lineterminator="\n").writerows(rows if done else [HEAD, *rows])
            done.add((table, dataset))
            print(table, dataset, len(known), flush=True)


def _done() -> set[tuple[str, str]]:
    """The tables and data sets that the file has."""
    if not OUTPUT.is_file():
        return set()
    with OUTPUT.open(newline="") as stream:
        return {(row["table"], row["dataset"]) for row in csv.DictReader(stream)}


def _accuracies(bench: pb.Benchmark, dataset: str) -> Floats:
    metric = "test_acc" if "test_acc" in bench.metrics(dataset) else "supernet_acc"
    return bench.values(metric, dataset=dataset, epochs=bench.epochs(metric, dataset)[-1])


def _rankings(
    batch: ArchBatch, accuracies: Floats, train: NDArray[np.int64], test: NDArray[np.int64], seed: int, kendall: Measure
) -> Iterator[tuple[str, Floats]]:
    """Scores of the test architectures by each method."""
    columns = {name.removeprefix("proxy:"): values for name, values in batch.columns.items()}
    for name in LEARNED:
        model = make(name, random_state=seed).fit(batch[train], accuracies[train])
        yield name, np.asarray(model.predict(batch[test]))
    taus = {name: kendall(accuracies[train], values[train]) for name, values in columns.items()}
    best = max((tau, name) for name, tau in taus.items() if tau is not None and np.isfinite(tau))[1]
    yield "the best proxy of the other parts", columns[best][test]
    for name in PROXIES:
        if name in columns:
            yield name, columns[name][test]


if __name__ == "__main__":
    main()
