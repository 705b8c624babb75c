"""Measures what intervals of `predict_std` cover on held-out architectures, before and after calibration.

    python experiments/calibration.py [TASK:SIZE ...] [--methods gp extra_trees ensemble] [--repeats 3]

Needs the tables of the tasks. Predictors learn the training target of SIZE architectures; an interval covers a held-out
architecture if its training target lies within z deviations of the prediction. Repeats count from 100: those of the
leaderboard begin with 0.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import norm

import predictors
from proxybench.evaluation.splits import hash_split
from proxybench.evaluation.tasks import load_tasks
from proxybench.tables.benchmark import load

TASKS = (
    "nasbench201-cifar10-predict:156",
    "nasbench101-predict:172",
    "transnas101-micro-class_scene-predict:100",
    "nasbench-macro-predict:100",
)
LEVELS = (0.5, 0.8, 0.95)


def main(options: argparse.Namespace) -> None:
    """Measure and print."""
    print(f"{'task':<46}{'method':<14}{'calibrated':>24}{'as the members say':>28}")
    for wanted in options.tasks:
        name, _, size = wanted.partition(":")
        task = load_tasks()[name]
        bench = load(task.benchmark)
        rows, batch = task.rows(bench), task.batch(bench)
        target = task.train_target
        targets = bench.values(target.metric, dataset=task.dataset, epochs=target.epochs, seed=target.seed)[rows]
        digests = [bench.digests[row] for row in rows]
        for method in options.methods:
            shares = []
            for repeat in range(100, 100 + options.repeats):
                split = hash_split(name, repeat, digests, int(size), task.n_test)
                test = np.sort(np.random.default_rng(repeat).permutation(split.test)[: options.held_out])
                model = predictors.make(method, random_state=repeat).fit(batch[split.train], targets[split.train])
                residual = targets[test] - model.predict(batch[test])
                shares.append([covered(residual, one) for one in deviations(model, batch[test])])
            after, before = (" ".join(f"{share:6.3f}" for share in one) for one in np.mean(shares, axis=0))
            print(f"{wanted:<46}{method:<14}{after:>24}{before:>28}", flush=True)


def deviations(model, batch):
    """Standard deviations as `predict_std` gives them, and before calibration; NaN if the predictor has none."""
    said = model.predict_std(batch)
    if not hasattr(model, "deviation_rows"):
        return said, np.full(len(batch), np.nan)
    rows = model.rows_.transform(batch)
    return said, model.units_.width(model.score_rows(rows), model.deviation_rows(rows))


def covered(residual, deviation):
    """Share of residuals within the central 50, 80 and 95 %."""
    return [float((np.abs(residual) < norm.ppf(0.5 + level / 2) * deviation).mean()) for level in LEVELS]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=TASKS, metavar="TASK:SIZE")
    parser.add_argument("--methods", nargs="+", default=["gp", "extra_trees", "ensemble"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--held-out", type=int, default=1500, help="architectures that are scored")
    main(parser.parse_args())
