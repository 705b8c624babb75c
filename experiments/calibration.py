"""Measures what intervals cover on held-out architectures: of `predict_std`, before calibration, and conformal ones.

    python experiments/calibration.py [TASK:SIZE ...] [--methods gp extra_trees ensemble] [--repeats 5] [--csv FILE]

Needs the tables of the tasks. Predictors learn the training target of SIZE architectures; an interval of `predict_std`
is the prediction plus or minus z standard deviations. A conformal interval comes from three quarters of the same
architectures for learning and one quarter for residuals. Repeats count from 100: those of the leaderboard begin
with 0. FILE keeps the rows of earlier calls for other tasks and methods.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import norm

import predictors
from proxybench.csv_text import csv_bytes
from proxybench.evaluation.splits import hash_split
from proxybench.evaluation.tasks import load_tasks
from proxybench.tables.benchmark import load

TASKS = (
    "nasbench201-cifar10-predict:156",
    "nasbench101-predict:172",
    "transnas101-micro-class_scene-predict:100",
    "nasbench-macro-predict:100",
    "nasrobbench201-cifar10-predict:100",
    "nasbench-mr-imagenet-50-1000-predict:100",
    "nasbench-mr-cityscapes-predict:100",
    "nasbench-mr-hmdb51-predict:100",
    "ofa-mobilenetv3-imagenet-predict:100",
    "flexibert-glue-predict:100",
    "hw-gpt-s-perplexity-predict:100",
    "hw-gpt-m-perplexity-predict:100",
)
LEVELS = (0.5, 0.8, 0.95)
COLUMNS = (
    "task",
    "n_train",
    "method",
    "intervals",
    "repeats",
    *(f"covered_{level:.0%}" for level in LEVELS),
    "width_80%",
)
KINDS = ("as the members say", "calibrated", "conformal")


def main(options: argparse.Namespace) -> None:
    """Measure, print and write."""
    rows = {tuple(row[:4]): row for row in written(options.csv)}
    for wanted in options.tasks:
        for row in measured(wanted, options):
            rows[tuple(row[:4])] = row
            print(", ".join(row), flush=True)
            if options.csv is not None:
                options.csv.write_bytes(csv_bytes(list(COLUMNS), [rows[key] for key in sorted(rows)]))


def written(path: Path | None) -> list[list[str]]:
    """The rows of an earlier call."""
    return list(csv.reader(path.read_text().splitlines()))[1:] if path is not None and path.exists() else []


def measured(wanted: str, options: argparse.Namespace) -> Iterator[list[str]]:
    """The rows of a task and size."""
    name, _, size = wanted.partition(":")
    task = load_tasks()[name]
    bench = load(task.benchmark)
    rows, batch = task.rows(bench), task.batch(bench)
    target = task.train_target
    targets = bench.values(target.metric, dataset=task.dataset, epochs=target.epochs, seed=target.seed)[rows]
    digests = [bench.digests[row] for row in rows]
    for method in options.methods:
        found: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
        for repeat in range(100, 100 + options.repeats):
            split = hash_split(name, repeat, digests, int(size), task.n_test)
            test = np.sort(np.random.default_rng(repeat).permutation(split.test)[: options.held_out])
            unfitted = predictors.make(method, random_state=repeat)
            for kind, halves in half_widths(unfitted, batch, targets, split.train, test).items():
                found[kind].append(
                    [*(float((np.abs(one[0]) <= one[1]).mean()) for one in halves), width(halves, targets)]
                )
        for kind, shares in found.items():
            if shares:
                figures = [f"{share:.3f}" for share in np.mean(shares, axis=0)]
                yield [name, size, method, kind, str(len(shares)), *figures]


def half_widths(unfitted, batch, targets, train, test):
    """For each kind of interval and level, the residuals of the centres and the half widths."""
    model = unfitted.fit(batch[train], targets[train])
    conformal = predictors.Conformal(predictor=unfitted).fit(batch[train], targets[train])
    residual = targets[test] - model.predict(batch[test])
    said, members = deviations(model, batch[test])
    factors = norm.ppf(0.5 + np.array(LEVELS) / 2)
    found = {"calibrated": [(residual, factor * said) for factor in factors]}
    if members is not None:
        found["as the members say"] = [(residual, factor * members) for factor in factors]
    limits = [conformal.predict_interval(batch[test], level) for level in LEVELS]
    found["conformal"] = [(targets[test] - one.mean(axis=1), np.diff(one)[:, 0] / 2) for one in limits]
    return found


def deviations(model, batch):
    """Standard deviations as `predict_std` gives them, and before calibration; None if the predictor has none."""
    said = model.predict_std(batch)
    if not hasattr(model, "deviation_rows"):
        return said, None
    rows = model.rows_.transform(batch)
    return said, model.units_.width(model.score_rows(rows), model.deviation_rows(rows))


def width(halves, targets) -> float:
    """The mean width of the 80 % intervals, in standard deviations of the targets."""
    return float(2 * halves[LEVELS.index(0.8)][1].mean() / targets.std())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=TASKS, metavar="TASK:SIZE")
    parser.add_argument("--methods", nargs="+", default=["gp", "extra_trees", "ensemble"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--held-out", type=int, default=1500, help="architectures that are scored")
    parser.add_argument("--csv", type=Path, help="file for the rows, such as docs/results/calibration.csv")
    main(parser.parse_args())
