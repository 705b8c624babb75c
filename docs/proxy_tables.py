"""The tables of docs/results/proxies.md."""

from __future__ import annotations

from statistics import fmean

from board_csv import read, table, written
from record_figures import label

from proxybench.evaluation.plans import suite_tasks
from proxybench.tables.sources.registry import load_registry

PUBLISHED = {
    "NAS-Bench-201, CIFAR-10": "nasbench201-cifar10-test",
    "NAS-Bench-201, ImageNet16-120": "nasbench201-imagenet16-test",
    "TransNAS-Bench-101 micro, scenes": "transnas101-micro-class_scene",
    "TransNAS-Bench-101 micro, jigsaw": "transnas101-micro-jigsaw",
    "NAS-Bench-101, 292 cells": "nasbench101-suite-zero-val",
}
TRAINED = {
    load_registry().benchmark(task.benchmark).title.partition(" trained by ")[0]: task.benchmark
    for task in suite_tasks("trained")
}


def scores_of_proxies(tasks: dict[str, str]) -> str:
    """Kendall's tau-b of every proxy, cost and control on tasks without a training part.

    The best is first, by the mean difference from a column's mean: not every method has a figure in every column.
    """
    taus: dict[str, dict[str, float]] = {}
    for column, task in tasks.items():
        for row in read(task):
            if row["kendall_tau_b"]:
                taus.setdefault(label(row).replace("@proxybench", " (ours)"), {})[column] = float(row["kendall_tau_b"])
    complete = {name: found for name, found in taus.items() if len(found) > 1}
    means = {column: fmean(found[column] for found in complete.values() if column in found) for column in tasks}
    ranked = sorted(complete, key=lambda name: -fmean(tau - means[at] for at, tau in complete[name].items()))
    cells = [[f"{taus[name][column]:.3f}" if column in taus[name] else "" for column in tasks] for name in ranked]
    return table(["", *tasks], [[f"`{name}`", *row] for name, row in zip(ranked, cells, strict=True)])


def proxies_published() -> str:
    """Tau-b of published scores on published tables."""
    return scores_of_proxies(PUBLISHED)


def proxies_trained() -> str:
    """Tau-b of this project's scores on the tables that come with the project."""
    found = scores_of_proxies({name: f"{task}-test" for name, task in TRAINED.items()})
    return found.replace(" (ours)", "")


def proxies_reached() -> str:
    """Kendall's tau of our proxies on NAS-Bench-201 at the published size, and the published figures."""
    rows = [
        [
            f"`{row['proxy']}`",
            row["published"],
            f"{row['tau']} [{row['low']}, {row['high']}]",
            row["functions"],
            row["source"],
        ]
        for row in written("reached")
    ]
    return table(["", "published", "reached, 95 % interval", "functions", "published by"], rows)
