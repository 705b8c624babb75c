"""Measures what a ranking of the 500 cells of trained-nasbench201 costs and how good it is.

    python experiments/ranking_costs.py [--repeats 10]

Writes docs/results/ranking-costs.csv, from what comes with the project. Rerunning measures the predictors that the file
lacks, and everything else again, which takes seconds.

Costs are processor seconds of one core for ranking all 500 cells: a proxy's time (docs/results/proxy-seconds.csv); the
trainings of n cells that a predictor learns from, its fit and, with columns, all proxies that it reads; the training of
a supernet and 500 estimates; or 500 trainings that stop early. Kendall's tau is with the mean test accuracy of three
trainings, over all cells, for predictors over those that they were not trained on.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

import proxybench as pb
from predictors import make
from proxybench.evaluation.splits import hash_split
from proxybench.ranking.intervals import metric_intervals
from proxybench.ranking.metrics import get_metric
from proxybench.ranking.repeats import half_interval
from proxybench.scores.shipped import shipped_scores
from proxybench.tables.benchmark import Benchmark

TABLE, EPOCHS, SEEDS = "trained-nasbench201", 3, ("0", "1", "2")
SIZES = (10, 20, 50, 78, 150)
PREDICTORS = ("ensemble", "gbdt")
CONTROL = "random"
RESAMPLES = 1000
RESULTS = Path(__file__).parents[1] / "docs" / "results"
OUTPUT = RESULTS / "ranking-costs.csv"
kendall = get_metric("kendall")


class Point(NamedTuple):
    """A ranking: how it was made, its tau with a 95 percent interval, and its processor seconds."""

    family: str
    method: str
    trained: int
    tau: float
    low: float
    high: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10, help="splits of the predictors")
    repeats, bench = parser.parse_args().repeats, pb.load(TABLE)
    points = [point for point in measured() if point.family == "predictor"]
    points += [*proxies(bench), *supernets(bench), *early_stopping(bench)]
    write(points)
    for point in predictors(bench, repeats, {(point.method, point.trained) for point in points}):
        print(*point, flush=True)
        points.append(point)
        write(points)


def write(points: list[Point]) -> None:
    with OUTPUT.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Point._fields)
        for point in sorted(points, key=lambda one: (one.family, one.seconds, one.method)):
            texts = [f"{value:.4f}" for value in point[3:6]]
            writer.writerow([*point[:3], *texts, f"{point.seconds:.4g}"])


def measured() -> list[Point]:
    """The rankings in the file; none if there is no file."""
    if not OUTPUT.is_file():
        return []
    with OUTPUT.open(newline="") as stream:
        return [
            Point(row["family"], row["method"], int(row["trained"]), *(float(row[name]) for name in Point._fields[3:]))
            for row in csv.DictReader(stream)
        ]


def truth(bench: Benchmark) -> np.ndarray:
    return bench.values("test_acc", epochs=EPOCHS)


def proxies(bench: Benchmark) -> Iterator[Point]:
    """Every shipped score whose time was measured."""
    with (RESULTS / "proxy-seconds.csv").open(newline="") as stream:
        seconds = {row["proxy"]: float(row["seconds"]) for row in csv.DictReader(stream)}
    scores = shipped_scores(bench.space.name)
    row_of = {digest: row for row, digest in enumerate(scores.digests)}
    rows = [row_of[digest] for digest in bench.digests]
    for name, each in seconds.items():
        if name == CONTROL or f"proxy:{name}" not in scores.scores:
            continue
        values = np.nan_to_num(scores.scores[f"proxy:{name}"].to_numpy()[rows], nan=-np.inf)
        ranks = np.unique(values, return_inverse=True)[1].astype(float)  # failures last
        (interval,) = metric_intervals(truth(bench), ranks[:, None], ["kendall"], RESAMPLES)["kendall"]
        tau = kendall(truth(bench), ranks)
        yield Point("zero-cost proxy", name, 0, tau, interval.low, interval.high, each * len(bench))


def supernets(bench: Benchmark) -> Iterator[Point]:
    """Every estimate by accuracy and by loss; intervals are over the seeds of the supernets."""
    for column in bench.metrics():
        if column.startswith("oneshot:"):
            name = column.removeprefix("oneshot:").removesuffix("-loss")
            rows = bench.measured(column)
            taus = [kendall(truth(bench)[rows], bench.values(column, seed=seed)[rows]) for seed in SEEDS]
            training, estimate = (bench.values(f"{kind}:{name}")[rows].mean() for kind in ("supernet_s", "oneshot_s"))
            cost = training + estimate * len(bench)
            yield _over_repeats("one-shot", column.removeprefix("oneshot:"), 0, taus, cost)


def early_stopping(bench: Benchmark) -> Iterator[Point]:
    """The validation accuracy of one training of every cell after fewer epochs, and after all."""
    for epochs in bench.epochs("val_acc"):
        taus = [kendall(truth(bench), bench.values("val_acc", epochs=epochs, seed=seed)) for seed in SEEDS]
        cost = bench.values("train_s", epochs=epochs).sum()
        family = "early stopping" if epochs < EPOCHS else "training"
        yield _over_repeats(family, f"val_acc@{epochs}", len(bench), taus, cost)


def predictors(bench: Benchmark, repeats: int, known: set[tuple[str, int]]) -> Iterator[Point]:
    """Predictors with and without the columns of this project's proxies, trained on one training of n cells.

    Those with a name and a number of cells in `known` are left out.
    """
    each, all_proxies = bench.values("train_s", epochs=EPOCHS).mean(), shipped_scores(bench.space.name).seconds
    costs = {"training-free": 0.0, "all": float(all_proxies["seconds"].median()) * len(bench)}
    for columns, shared in costs.items():
        batch = bench.batch(columns)
        for name, n in product(PREDICTORS, SIZES):
            label = name if columns == "all" else f"{name}, no proxies"
            if (label, n) in known:
                continue
            taus, fits = [], []
            for repeat in range(repeats):
                split = hash_split(TABLE, repeat, bench.digests, n)
                values = bench.values("val_acc", epochs=EPOCHS, seed=SEEDS[repeat % len(SEEDS)])
                start = time.process_time()
                model = make(name, random_state=repeat).fit(batch[split.train], values[split.train])
                taus.append(kendall(truth(bench)[split.test], model.predict(batch[split.test])))
                fits.append(time.process_time() - start)
            yield _over_repeats("predictor", label, n, taus, n * each + shared + float(np.mean(fits)))


def _over_repeats(family: str, method: str, trained: int, taus: list[float], seconds: float) -> Point:
    half = half_interval(taus) or 0.0
    mean = float(np.mean(taus))
    return Point(family, method, trained, mean, mean - half, mean + half, float(seconds))


if __name__ == "__main__":
    main()
